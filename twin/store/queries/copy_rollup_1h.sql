COPY (
  SELECT
    b, t_last, v_sum, v_min, v_max, v_last,
    coalesce(c_sum, 0) AS c_sum, coalesce(s_sum, 0) AS s_sum, n, n_bad
  FROM rollup_1h WHERE ds = %(number)s AND b >= %(start)s AND b < %(end)s
) TO STDOUT (FORMAT BINARY)
