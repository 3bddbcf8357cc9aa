INSERT INTO latest AS l (t, v, rev, ds, q)
SELECT n.t, n.v, %(revision)s, n.ds, n.q
FROM unnest(
  %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
) AS n (t, v, ds, q)
ON CONFLICT (ds) DO UPDATE SET t = excluded.t, v = excluded.v, rev = excluded.rev, q = excluded.q
WHERE excluded.t > l.t
