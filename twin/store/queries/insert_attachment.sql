INSERT INTO bridge_attachment (
  file_id, asset_id, part, kind, key, name, media_type, licence, recorded_at,
  provenance_kind, provenance_by, provenance_references, provenance_at
) VALUES (
  %(file_id)s, %(asset_id)s, %(part)s, %(kind)s, %(key)s, %(name)s, %(media_type)s, %(licence)s,
  %(recorded_at)s, %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s,
  %(provenance_at)s
)
ON CONFLICT (asset_id, part, kind, key, name, file_id) DO NOTHING
