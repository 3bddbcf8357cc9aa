UPDATE run SET progress = %(progress)s, message = %(message)s, heartbeat_at = %(at)s
WHERE id = %(run_id)s AND status = 'running' AND %(attempt)s IN (0, attempt)
