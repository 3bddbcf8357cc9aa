-- Every bucket of these datastreams that has rows in [first, before), to be made again.
INSERT INTO pending (due, b, ds, level)
SELECT DISTINCT %(at)s::timestamptz, f.b, f.ds, f.level
FROM (
  SELECT
    r.ds, p.level, p.first, p.before,
    CASE WHEN p.level = 3 THEN date_bin('1 hour', r.t, timestamptz '2000-01-01 00:00+00')
      ELSE date_bin('1 minute', r.t, timestamptz '2000-01-01 00:00+00') END AS b
  FROM reading AS r JOIN upkeep_plan AS p ON p.ds = r.ds AND p.source = 1
  WHERE r.ds = ANY (%(ds)s) AND r.t >= %(first)s AND r.t < %(before)s
) AS f
WHERE f.b >= f.first AND f.b < f.before
ON CONFLICT (level, ds, b) DO NOTHING
