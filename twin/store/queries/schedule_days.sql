-- The local days of the hours that were computed; the present one is computed every ten minutes.
INSERT INTO pending (due, b, ds, level)
SELECT
  CASE
    WHEN (d.b AT TIME ZONE %(zone)s + interval '1 day') AT TIME ZONE %(zone)s <= %(at)s THEN %(at)s
    ELSE %(at)s + interval '10 minutes'
  END,
  d.b, d.ds, 4
FROM (SELECT DISTINCT ds, date_trunc('day', b, %(zone)s) AS b FROM due_bucket) AS d
JOIN upkeep_plan AS q
  ON q.ds = d.ds AND q.level = 4 AND q.source = 4 AND d.b >= q.first AND d.b < q.before
ON CONFLICT (level, ds, b) DO UPDATE SET due = excluded.due WHERE excluded.due < pending.due
