INSERT INTO asset_attribute (
  asset_id, name, position, value_text, value_number, unit,
  provenance_kind, provenance_by, provenance_references, provenance_at
) VALUES (
  %(asset_id)s, %(name)s, %(position)s, %(value_text)s, %(value_number)s, %(unit)s,
  %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s, %(provenance_at)s
)
