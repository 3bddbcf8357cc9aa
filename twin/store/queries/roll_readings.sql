-- LIMIT keeps the subquery apart: merged into the outer join it would be planned for every chunk.
INSERT INTO made_bucket (ds, b, t_last, v_sum, v_min, v_max, v_last, c_sum, s_sum, n, n_bad)
SELECT
  d.ds, d.b, coalesce(a.t_good, a.t_any),
  CASE WHEN a.n = 0 THEN 0 WHEN d.agg IN (3, 4) THEN 'NaN' ELSE a.v_sum END,
  coalesce(a.v_min, 'NaN'), coalesce(a.v_max, 'NaN'), coalesce(l.v, 'NaN'),
  CASE WHEN d.agg = 3 THEN coalesce(a.c_sum, 0) END,
  CASE WHEN d.agg = 3 THEN coalesce(a.s_sum, 0) END,
  a.n, a.n_bad
FROM due_bucket AS d
CROSS JOIN LATERAL (
  SELECT
    count(*) FILTER (WHERE r.q & %(bad)s = 0) AS n,
    count(*) FILTER (WHERE r.q & %(bad)s <> 0) AS n_bad,
    sum(r.v) FILTER (WHERE r.q & %(bad)s = 0) AS v_sum,
    min(r.v) FILTER (WHERE r.q & %(bad)s = 0) AS v_min,
    max(r.v) FILTER (WHERE r.q & %(bad)s = 0) AS v_max,
    max(r.t) FILTER (WHERE r.q & %(bad)s = 0) AS t_good,
    max(r.t) AS t_any,
    sum(cosd(r.v)) FILTER (WHERE r.q & %(bad)s = 0 AND d.agg = 3) AS c_sum,
    sum(sind(r.v)) FILTER (WHERE r.q & %(bad)s = 0 AND d.agg = 3) AS s_sum
  FROM reading AS r
  WHERE r.ds = d.ds AND r.t >= d.b AND r.t < d.e AND r.t >= %(first)s AND r.t < %(before)s
) AS a
LEFT JOIN LATERAL (
  SELECT r.v FROM reading AS r
  WHERE r.ds = d.ds AND r.t = a.t_good AND r.t >= %(first)s AND r.t < %(before)s
  LIMIT 1
) AS l ON true
WHERE d.source = 1 AND a.t_any IS NOT NULL
