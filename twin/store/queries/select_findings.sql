SELECT id, stage, opened_at, content
FROM bridge_finding
WHERE (%(asset_id)s::text IS NULL OR asset_id = %(asset_id)s)
  AND (stage <> 'closed' OR NOT %(only_open)s)
ORDER BY opened_at DESC, id DESC
LIMIT %(limit)s
