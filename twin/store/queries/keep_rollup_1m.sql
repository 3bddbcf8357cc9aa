INSERT INTO rollup_1m AS r (ds, b, t_last, v_sum, v_min, v_max, v_last, c_sum, s_sum, n, n_bad)
SELECT ds, b, t_last, v_sum, v_min, v_max, v_last, c_sum, s_sum, n, n_bad FROM made_bucket
ON CONFLICT (ds, b) DO UPDATE SET
  t_last = excluded.t_last, v_sum = excluded.v_sum, v_min = excluded.v_min, v_max = excluded.v_max,
  v_last = excluded.v_last, c_sum = excluded.c_sum, s_sum = excluded.s_sum, n = excluded.n,
  n_bad = excluded.n_bad
WHERE
  (r.t_last, r.v_sum, r.v_min, r.v_max, r.v_last, r.c_sum, r.s_sum, r.n, r.n_bad)
  IS DISTINCT FROM (
    excluded.t_last, excluded.v_sum, excluded.v_min, excluded.v_max, excluded.v_last,
    excluded.c_sum, excluded.s_sum, excluded.n, excluded.n_bad
  )
