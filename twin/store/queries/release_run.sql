UPDATE run SET status = 'queued', attempt = attempt - 1
WHERE id = %(run_id)s AND status = 'running' AND attempt = %(attempt)s
