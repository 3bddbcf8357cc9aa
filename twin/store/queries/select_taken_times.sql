-- At which of these times the datastream has a reading already.
SELECT n.place
FROM unnest(
  %(ds)s::integer [], %(t)s::timestamptz []
) WITH ORDINALITY AS n (ds, t, place)
CROSS JOIN LATERAL (
  SELECT e.q FROM reading AS e
  WHERE e.ds = n.ds AND e.t = n.t AND e.t >= %(first)s AND e.t <= %(last)s LIMIT 1
) AS r
