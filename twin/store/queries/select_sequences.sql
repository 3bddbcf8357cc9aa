SELECT s.sequencename::text, coalesce(s.last_value, 0)
FROM pg_sequences AS s
WHERE s.schemaname = 'public' ORDER BY s.sequencename
