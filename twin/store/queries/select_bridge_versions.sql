SELECT
  id, asset_id, kind, part, key, as_of, recorded_at, content, notes, licence,
  provenance_kind, provenance_by, provenance_references, provenance_at
FROM bridge_record
WHERE asset_id = %(asset_id)s AND kind = %(kind)s AND part = %(part)s AND key = %(key)s
ORDER BY id
