SELECT id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message
FROM run WHERE id = %(run_id)s
