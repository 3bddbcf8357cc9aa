-- Buckets that were due and have no reading any more.
DELETE FROM rollup_1m AS r
USING (SELECT ds, b FROM due_bucket EXCEPT SELECT ds, b FROM made_bucket) AS gone
WHERE r.ds = gone.ds AND r.b = gone.b AND r.b >= %(first)s AND r.b < %(before)s
