-- Every local day of these datastreams that has hours, to be made again.
INSERT INTO pending (due, b, ds, level)
SELECT DISTINCT %(at)s::timestamptz, date_trunc('day', b, %(zone)s), ds, 4
FROM rollup_1h WHERE ds = ANY (%(ds)s)
ON CONFLICT (level, ds, b) DO NOTHING
