SELECT kind, subject, made_at, content FROM traffic_state
WHERE %(kind)s IN ('', kind) ORDER BY kind, subject
