INSERT INTO bridge_state AS s (asset_id, name, format_version, position_us, content, kept_at)
VALUES (
  %(asset_id)s, %(name)s, %(format_version)s, %(position_us)s, %(content)s, %(kept_at)s
)
ON CONFLICT (asset_id, name) DO UPDATE SET
  format_version = excluded.format_version, position_us = excluded.position_us,
  content = excluded.content, kept_at = excluded.kept_at
WHERE (s.format_version, s.position_us) < (excluded.format_version, excluded.position_us)
