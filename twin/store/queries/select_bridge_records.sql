SELECT DISTINCT ON (asset_id, kind, part, key)
  id, asset_id, kind, part, key, as_of, recorded_at, content, notes, licence,
  provenance_kind, provenance_by, provenance_references, provenance_at
FROM bridge_record
WHERE (%(asset_id)s::text IS NULL OR asset_id = %(asset_id)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(known_at)s::timestamptz IS NULL OR recorded_at <= %(known_at)s)
  AND (%(as_of)s::date IS NULL OR as_of IS NULL OR as_of <= %(as_of)s)
ORDER BY asset_id, kind, part, key, as_of DESC NULLS LAST, recorded_at DESC, id DESC
