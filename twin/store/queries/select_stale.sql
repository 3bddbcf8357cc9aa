-- What the rollups of a datastream lack, in one snapshot: a minute leaves "dirty" and its buckets
-- enter "pending" in the same transaction. Without a row "made" there are no rollups at all.
SELECT 'made' AS kind, 0::bigint AS place FROM rollup_stream WHERE ds = %(number)s
UNION
SELECT 'minute' AS kind, g.grain::bigint AS place
FROM dirty, unnest(dirty.ds, dirty.grain) AS g (ds, grain)
WHERE %(number)s = ANY(dirty.ds) AND g.ds = %(number)s
UNION
SELECT p.level::text AS kind, (extract(epoch FROM p.b) * 1000000)::bigint AS place
FROM pending AS p
WHERE p.level < 4 AND p.ds = %(number)s AND p.b >= %(start)s AND p.b < %(end)s
