INSERT INTO bridge_record (
  asset_id, kind, part, key, as_of, recorded_at, content, notes, licence,
  provenance_kind, provenance_by, provenance_references, provenance_at
) VALUES (
  %(asset_id)s, %(kind)s, %(part)s, %(key)s, %(as_of)s, %(recorded_at)s, %(content)s, %(notes)s,
  %(licence)s, %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s,
  %(provenance_at)s
)
