INSERT INTO run (scenario, engine, version, input_hash, seed, status, submitted_at)
VALUES (
  %(scenario)s, %(engine)s, %(version)s, %(input_hash)s, %(seed)s, 'queued', %(submitted_at)s
)
ON CONFLICT (input_hash) WHERE status IN ('queued', 'running', 'done') DO NOTHING
RETURNING id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message
