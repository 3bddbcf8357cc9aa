INSERT INTO gap AS g (
  ds, source, key, cause, t_from, t_to, missing, estimated, state, attempts, noted_at
) VALUES (
  %(number)s, %(source)s, %(key)s, %(cause)s, %(start)s, %(end)s, %(missing)s, %(is_estimated)s,
  %(state)s, %(attempts)s, %(noted_at)s
)
ON CONFLICT (source, key, cause, t_from) DO UPDATE SET
  t_to = excluded.t_to, missing = excluded.missing, estimated = excluded.estimated,
  state = CASE WHEN g.t_to IS NULL OR excluded.state = 1 THEN excluded.state ELSE g.state END,
  noted_at = CASE WHEN g.t_to IS NULL THEN excluded.noted_at ELSE g.noted_at END
WHERE (g.state = 0 AND g.t_to IS NULL)
  OR (g.state <> 1 AND g.cause = 'sequence' AND excluded.missing < g.missing)
