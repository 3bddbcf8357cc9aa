INSERT INTO bridge_finding (
  asset_id, rule, key, stage, opened_at, stated_at, severity, cause, content
)
VALUES (
  %(asset_id)s, %(rule)s, %(key)s, %(stage)s, %(opened_at)s, %(stated_at)s, %(severity)s,
  %(cause)s, %(content)s
)
RETURNING id
