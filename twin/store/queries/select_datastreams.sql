SELECT
  uid, name, asset_id, component_id, quantity, sensor_id, source, route_key, provenance,
  vehicle_class, kind, cadence_s, time_source, privacy_class, number
FROM datastream
WHERE %(asset_id)s::text IS NULL OR asset_id = %(asset_id)s
ORDER BY uid COLLATE "C"
