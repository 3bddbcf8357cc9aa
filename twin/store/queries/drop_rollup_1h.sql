-- Buckets that were due and have no reading any more.
DELETE FROM rollup_1h AS r USING due_bucket AS d
WHERE
  r.ds = d.ds AND r.b = d.b AND r.b >= %(first)s AND r.b < %(before)s
  AND NOT EXISTS (SELECT FROM made_bucket AS m WHERE m.ds = d.ds AND m.b = d.b)
