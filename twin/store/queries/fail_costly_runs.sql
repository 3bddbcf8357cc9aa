UPDATE run SET status = 'failed', message = %(message)s, ended_at = %(at)s
WHERE status = 'running' AND heartbeat_at < %(expired_before)s AND attempt >= %(most)s
RETURNING id
