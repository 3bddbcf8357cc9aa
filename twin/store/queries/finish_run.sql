UPDATE run SET status = 'done', progress = 1, ended_at = %(at)s
WHERE id = %(run_id)s AND status = 'running' AND %(attempt)s IN (0, attempt)
