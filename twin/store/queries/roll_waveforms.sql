-- Blocks are cut at full minutes and their columns add up; samples are read for the last value only.
INSERT INTO made_bucket (ds, b, t_last, v_sum, v_min, v_max, v_last, c_sum, s_sum, n, n_bad)
SELECT
  d.ds, d.b, l.t_last,
  CASE WHEN a.n = 0 THEN 0 WHEN d.agg IN (3, 4) THEN 'NaN' ELSE a.v_sum END,
  coalesce(a.v_min, 'NaN'), coalesce(a.v_max, 'NaN'),
  CASE WHEN a.n = 0 THEN 'NaN' ELSE l.v END,
  NULL, NULL, a.n, a.n_bad
FROM due_bucket AS d
CROSS JOIN LATERAL (
  SELECT
    coalesce(sum(w.n) FILTER (WHERE w.q & %(bad)s = 0), 0) AS n,
    coalesce(sum(w.n) FILTER (WHERE w.q & %(bad)s <> 0), 0) AS n_bad,
    sum(w.v_sum) FILTER (WHERE w.q & %(bad)s = 0) AS v_sum,
    min(w.v_min) FILTER (WHERE w.q & %(bad)s = 0) AS v_min,
    max(w.v_max) FILTER (WHERE w.q & %(bad)s = 0) AS v_max,
    coalesce(max(w.t0) FILTER (WHERE w.q & %(bad)s = 0), max(w.t0)) AS t_block
  FROM waveform AS w
  WHERE w.ds = d.ds AND w.t0 >= d.b AND w.t0 < d.e AND w.t0 >= %(first)s AND w.t0 < %(before)s
) AS a
CROSS JOIN LATERAL (
  SELECT
    w.t0 + round((w.n - 1) * 1000000::double precision / w.rate) * interval '1 microsecond' AS t_last,
    twin_sample(w.v, w.n - 1) AS v
  FROM waveform AS w
  WHERE w.ds = d.ds AND w.t0 = a.t_block AND w.t0 >= %(first)s AND w.t0 < %(before)s
  LIMIT 1
) AS l
WHERE d.source = 2
