SELECT id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message,
  base, options, attempt, ended_at
FROM run WHERE input_hash = %(input_hash)s AND status IN ('queued', 'running', 'done')
