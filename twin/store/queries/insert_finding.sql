INSERT INTO bridge_finding (asset_id, rule, key, stage, opened_at, stated_at, content)
VALUES (
  %(asset_id)s, %(rule)s, %(key)s, %(stage)s, %(opened_at)s, %(stated_at)s, %(content)s
)
RETURNING id
