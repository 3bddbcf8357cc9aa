INSERT INTO component (
  id, asset_id, parent_id, name, kind, station_m, offset_m, height_m, geometry, epsg
) VALUES (
  %(id)s, %(asset_id)s, %(parent_id)s, %(name)s, %(kind)s,
  %(station_m)s, %(offset_m)s, %(height_m)s, %(geometry)s, %(epsg)s
)
ON CONFLICT (id) DO UPDATE SET
  asset_id = excluded.asset_id, parent_id = excluded.parent_id, name = excluded.name,
  kind = excluded.kind, station_m = excluded.station_m, offset_m = excluded.offset_m,
  height_m = excluded.height_m, geometry = excluded.geometry, epsg = excluded.epsg
