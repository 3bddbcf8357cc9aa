INSERT INTO made_bucket (ds, b, t_last, v_sum, v_min, v_max, v_last, c_sum, s_sum, n, n_bad)
SELECT
  d.ds, d.b, coalesce(a.t_good, a.t_any), coalesce(a.v_sum, 0),
  coalesce(a.v_min, 'NaN'), coalesce(a.v_max, 'NaN'), coalesce(l.v_last, 'NaN'),
  a.c_sum, a.s_sum, a.n, a.n_bad
FROM due_bucket AS d
CROSS JOIN LATERAL (
  SELECT
    sum(r.n) AS n, sum(r.n_bad) AS n_bad,
    sum(r.v_sum) FILTER (WHERE r.n > 0) AS v_sum,
    min(r.v_min) FILTER (WHERE r.n > 0) AS v_min,
    max(r.v_max) FILTER (WHERE r.n > 0) AS v_max,
    max(r.t_last) FILTER (WHERE r.n > 0) AS t_good,
    max(r.t_last) AS t_any,
    sum(r.c_sum) AS c_sum, sum(r.s_sum) AS s_sum
  FROM rollup_1h AS r
  WHERE r.ds = d.ds AND r.b >= d.b AND r.b < d.e AND r.b >= %(first)s AND r.b < %(before)s
) AS a
LEFT JOIN LATERAL (
  SELECT r.v_last FROM rollup_1h AS r
  WHERE
    r.ds = d.ds AND r.b >= d.b AND r.b < d.e AND r.b >= %(first)s AND r.b < %(before)s
    AND r.n > 0 AND r.t_last = a.t_good
  ORDER BY r.b DESC LIMIT 1
) AS l ON true
WHERE d.source = 4 AND a.t_any IS NOT NULL
