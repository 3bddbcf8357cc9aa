SELECT kind, subject, detail, opened_at, seen_at, closed_at
FROM alarm
WHERE closed_at IS NULL OR NOT %(only_open)s
ORDER BY closed_at IS NOT NULL, opened_at DESC, id DESC
LIMIT %(limit)s
