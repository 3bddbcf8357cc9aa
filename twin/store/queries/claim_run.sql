UPDATE run SET status = 'running', heartbeat_at = %(at)s
WHERE id = (
  SELECT id FROM run
  WHERE engine = ANY (%(engines)s)
    AND (status = 'queued' OR status = 'running' AND heartbeat_at < %(expired_before)s)
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message
