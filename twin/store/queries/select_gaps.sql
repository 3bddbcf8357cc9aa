SELECT
  id, ds AS number, source, key, cause, t_from AS start, t_to AS "end", missing,
  estimated AS is_estimated, state, attempts, noted_at
FROM gap
WHERE (state = 0 OR NOT %(only_open)s)
  AND (%(source)s::text IS NULL OR source = %(source)s)
  AND (%(number)s::integer IS NULL OR ds = %(number)s)
  AND (%(since)s::timestamptz IS NULL OR t_to IS NULL OR t_to >= %(since)s)
ORDER BY t_from DESC, id DESC LIMIT %(limit)s
