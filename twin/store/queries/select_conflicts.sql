-- LATERAL with LIMIT: by the key, whatever the planner believes about the big table.
SELECT n.place, r.v AS stored
FROM unnest(
  %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer []
) WITH ORDINALITY AS n (t, v, ds, place)
CROSS JOIN LATERAL (
  SELECT e.v FROM reading AS e
  WHERE e.ds = n.ds AND e.t = n.t AND e.t >= %(first)s AND e.t <= %(last)s LIMIT 1
) AS r
WHERE r.v <> n.v
