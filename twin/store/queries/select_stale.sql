-- What the rollups of a datastream lack, in one snapshot: a minute leaves "dirty" and its buckets
-- enter "pending" in the same transaction. The row "made" says by which rule there are any, the
-- row "many" that more commits wait than are looked at.
SELECT 'made' AS kind, 0::bigint AS place, made_as FROM rollup_stream WHERE ds = %(number)s
UNION
SELECT 'many' AS kind, 0::bigint AS place, '' AS made_as
FROM (SELECT 1 FROM dirty OFFSET %(most)s LIMIT 1) AS beyond
UNION
SELECT 'minute' AS kind, waiting.grain[found.place]::bigint AS place, '' AS made_as
FROM (SELECT ds, grain FROM dirty LIMIT %(most)s) AS waiting
CROSS JOIN LATERAL unnest(array_positions(waiting.ds, %(number)s::integer)) AS found (place)
UNION
SELECT
  p.level::text AS kind, (extract(epoch FROM p.b) * 1000000)::bigint AS place, '' AS made_as
FROM pending AS p
WHERE p.level = ANY(ARRAY[1, 2, 3]) AND p.ds = %(number)s AND p.b >= %(start)s AND p.b < %(end)s
