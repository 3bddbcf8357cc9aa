SELECT s.ds, s.t, s.v, r.v AS stored
FROM stage AS s
JOIN reading AS r ON r.ds = s.ds AND r.t = s.t
WHERE r.v IS DISTINCT FROM s.v AND r.t >= %(first)s AND r.t <= %(last)s
