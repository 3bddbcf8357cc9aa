SELECT id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message,
  base, options, attempt, ended_at
FROM run WHERE id = %(run_id)s
