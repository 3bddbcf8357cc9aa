INSERT INTO run (scenario, engine, version, input_hash, seed, status, submitted_at, base, options)
VALUES (
  %(scenario)s, %(engine)s, %(version)s, %(input_hash)s, %(seed)s, 'queued', %(submitted_at)s,
  %(base)s, %(options)s
)
ON CONFLICT (input_hash) WHERE status IN ('queued', 'running', 'done') DO NOTHING
RETURNING id, scenario, engine, version, input_hash, seed, status, submitted_at, progress, message,
  base, options, attempt, ended_at
