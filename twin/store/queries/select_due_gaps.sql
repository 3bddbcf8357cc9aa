-- Open gaps that have ended and whose next attempt is due, the longest known first. One whose
-- attempts are used up is due as well: somebody died before saying that it is lost.
SELECT
  id, ds AS number, source, key, cause, t_from AS start, t_to AS "end", missing,
  estimated AS is_estimated, state, attempts, noted_at
FROM gap
WHERE state = 0 AND t_to IS NOT NULL
  AND noted_at + (%(delays)s::interval [])[least(attempts + 1, %(most)s::integer)] <= %(at)s
ORDER BY noted_at, id LIMIT %(limit)s
