UPDATE run SET status = 'running', heartbeat_at = %(at)s, attempt = attempt + 1
WHERE id = (
  SELECT id FROM run
  WHERE engine = ANY (%(engines)s)
    AND (status = 'queued' OR status = 'running' AND heartbeat_at < %(expired_before)s)
    AND (%(only)s::bigint IS NULL OR id = %(only)s)
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message,
  base, options, attempt, ended_at
