INSERT INTO gap AS g (
  ds, source, key, cause, t_from, t_to, missing, estimated, state, attempts, noted_at
) VALUES (
  %(number)s, %(source)s, %(key)s, %(cause)s, %(start)s, %(end)s, %(missing)s, %(is_estimated)s,
  %(state)s, %(attempts)s, %(noted_at)s
)
ON CONFLICT (source, key, cause, t_from) DO UPDATE SET
  t_to = excluded.t_to, missing = excluded.missing, estimated = excluded.estimated,
  state = excluded.state, noted_at = excluded.noted_at
WHERE g.state = 0 AND g.t_to IS NULL
