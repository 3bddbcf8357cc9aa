SELECT id, source, code, detail, asset_id, part, field, row_number, found_at, cleared_at
FROM bridge_work_item
WHERE (%(asset_id)s::text IS NULL OR asset_id = %(asset_id)s)
  AND (%(source)s::text IS NULL OR source = %(source)s)
  AND (cleared_at IS NULL OR NOT %(only_open)s)
ORDER BY found_at DESC, id DESC
LIMIT %(limit)s
