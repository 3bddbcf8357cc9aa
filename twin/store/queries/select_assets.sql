SELECT
  id, asset_class, name, geometry,
  provenance_kind, provenance_by, provenance_references, provenance_at
FROM asset
WHERE %(asset_class)s::text IS NULL OR asset_class = %(asset_class)s
ORDER BY id COLLATE "C"
