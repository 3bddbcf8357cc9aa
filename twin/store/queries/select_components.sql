SELECT id, asset_id, name, kind, parent_id, station_m, offset_m, height_m, geometry
FROM component
WHERE %(asset_id)s::text IS NULL OR asset_id = %(asset_id)s
ORDER BY id COLLATE "C"
