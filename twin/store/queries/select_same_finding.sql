SELECT id, stage, opened_at, content
FROM bridge_finding
WHERE asset_id = %(asset_id)s AND rule = %(rule)s AND key = %(key)s
ORDER BY id DESC
LIMIT 1
FOR UPDATE
