UPDATE latest AS l SET v = n.v, q = n.q, rev = currval('change_rev')
FROM unnest(
  %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
) AS n (t, v, ds, q)
WHERE l.ds = n.ds AND l.t = n.t
