UPDATE run SET status = %(status)s, message = coalesce(%(message)s::text, message), ended_at = %(at)s
WHERE id = %(run_id)s AND status IN ('queued', 'running') AND %(attempt)s IN (0, attempt)
