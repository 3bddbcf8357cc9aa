INSERT INTO reading (t, v, ds, q)
SELECT n.t, n.v, n.ds, n.q
FROM unnest(
  %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
) AS n (t, v, ds, q)
