SELECT
  name, asset_id, version, purpose, owner, trained_from, trained_until, trained_at, metric_name,
  metric_value, metric_count, valid_names, valid_least, valid_most, risk_class, content
FROM bridge_model
WHERE %(asset_id)s::text IS NULL OR asset_id = %(asset_id)s
