-- The hours of the minutes that were computed; one that is not over is computed every five.
INSERT INTO pending (due, b, ds, level)
SELECT
  CASE WHEN h.b + interval '1 hour' <= %(at)s THEN %(at)s ELSE %(at)s + interval '5 minutes' END,
  h.b, h.ds, 3
FROM (
  SELECT DISTINCT ds, date_bin('1 hour', b, timestamptz '2000-01-01 00:00+00') AS b FROM due_bucket
) AS h
JOIN upkeep_plan AS q
  ON q.ds = h.ds AND q.level = 3 AND q.source = 3 AND h.b >= q.first AND h.b < q.before
ON CONFLICT (level, ds, b) DO UPDATE SET due = excluded.due WHERE excluded.due < pending.due
