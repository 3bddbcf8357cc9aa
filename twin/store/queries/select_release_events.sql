SELECT at, kind, caller, detail
FROM release_event
WHERE at >= %(since)s
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(caller)s::text IS NULL OR caller = %(caller)s)
ORDER BY id DESC
LIMIT %(limit)s
