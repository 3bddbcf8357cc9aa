-- Ten-second buckets of minutes that are not over: all six of them once more after the end.
INSERT INTO pending (due, b, ds, level)
SELECT m.b + interval '1 minute 5 s', m.b, m.ds, 1
FROM (
  SELECT DISTINCT ds, date_bin('1 minute', b, timestamptz '2000-01-01 00:00+00') AS b
  FROM due_bucket
) AS m
WHERE m.b + interval '1 minute' > %(at)s
ON CONFLICT (level, ds, b) DO UPDATE SET due = excluded.due WHERE excluded.due < pending.due
