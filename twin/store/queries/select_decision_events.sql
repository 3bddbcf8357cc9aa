SELECT decision_id, version, state, at, person, reason, content
FROM decision_event
WHERE %(id)s::bigint IS NULL OR decision_id = %(id)s
ORDER BY decision_id, version
