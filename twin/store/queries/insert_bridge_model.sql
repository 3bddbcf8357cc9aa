INSERT INTO bridge_model (
  name, asset_id, version, purpose, owner, trained_from, trained_until, trained_at, metric_name,
  metric_value, metric_count, valid_names, valid_least, valid_most, risk_class, content
) VALUES (
  %(name)s, %(asset_id)s, %(version)s, %(purpose)s, %(owner)s, %(trained_from)s, %(trained_until)s,
  %(trained_at)s, %(metric_name)s, %(metric_value)s, %(metric_count)s, %(valid_names)s,
  %(valid_least)s, %(valid_most)s, %(risk_class)s, %(content)s
)
ON CONFLICT (asset_id, name, version) DO NOTHING
