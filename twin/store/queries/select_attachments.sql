SELECT
  a.id, a.asset_id, a.part, a.kind, a.key, a.name, a.media_type, a.licence, a.recorded_at,
  f.sha256, f.size_bytes,
  a.provenance_kind, a.provenance_by, a.provenance_references, a.provenance_at
FROM bridge_attachment AS a JOIN bridge_file AS f ON f.id = a.file_id
WHERE a.asset_id = %(asset_id)s
ORDER BY a.id
