INSERT INTO datastream (
  uid, name, asset_id, component_id, quantity, sensor_id, source, route_key, provenance,
  vehicle_class, kind, cadence_s, time_source, privacy_class
) VALUES (
  %(uid)s, %(name)s, %(asset_id)s, %(component_id)s, %(quantity)s, %(sensor_id)s, %(source)s,
  %(route_key)s, %(provenance)s, %(vehicle_class)s, %(kind)s, %(cadence_s)s, %(time_source)s,
  %(privacy_class)s
)
ON CONFLICT (uid) DO UPDATE SET
  name = excluded.name, asset_id = excluded.asset_id, component_id = excluded.component_id,
  quantity = excluded.quantity, sensor_id = excluded.sensor_id, source = excluded.source,
  route_key = excluded.route_key, provenance = excluded.provenance,
  vehicle_class = excluded.vehicle_class, kind = excluded.kind, cadence_s = excluded.cadence_s,
  time_source = excluded.time_source, privacy_class = excluded.privacy_class
