INSERT INTO asset (
  id, asset_class, name, geometry, epsg, extent,
  provenance_kind, provenance_by, provenance_references, provenance_at
) VALUES (
  %(id)s, %(asset_class)s, %(name)s, %(geometry)s, %(epsg)s,
  box(point(%(east)s, %(north)s), point(%(west)s, %(south)s)),
  %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s, %(provenance_at)s
)
ON CONFLICT (id) DO UPDATE SET
  asset_class = excluded.asset_class, name = excluded.name, geometry = excluded.geometry,
  epsg = excluded.epsg, extent = excluded.extent,
  provenance_kind = excluded.provenance_kind, provenance_by = excluded.provenance_by,
  provenance_references = excluded.provenance_references, provenance_at = excluded.provenance_at
