SELECT id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message,
  base, options, attempt, ended_at
FROM run WHERE %(below)s::bigint IS NULL OR id < %(below)s ORDER BY id DESC LIMIT %(limit)s
