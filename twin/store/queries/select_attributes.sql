SELECT
  a.asset_id, a.name, a.value_text, a.value_number, a.unit,
  a.provenance_kind, a.provenance_by, a.provenance_references, a.provenance_at
FROM asset_attribute AS a
JOIN asset ON asset.id = a.asset_id
WHERE %(asset_class)s::text IS NULL OR asset.asset_class = %(asset_class)s
ORDER BY a.asset_id COLLATE "C", a.position
