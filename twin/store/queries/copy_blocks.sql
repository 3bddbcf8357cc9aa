-- Waveform blocks as buckets: a block never crosses a full minute.
COPY (
  SELECT
    t0 AS b, t0 + ((n - 1) / rate) * INTERVAL '1 second' AS t_last, v_sum,
    v_min::double precision AS v_min, v_max::double precision AS v_max,
    substring(v FROM length(v) - 3) AS v_last, 0::double precision AS c_sum,
    0::double precision AS s_sum,
    CASE WHEN q & %(mask)s = 0 THEN n ELSE 0 END AS n,
    CASE WHEN q & %(mask)s = 0 THEN 0 ELSE n END AS n_bad
  FROM waveform WHERE ds = %(number)s AND t0 >= %(start)s AND t0 < %(end)s
) TO STDOUT (FORMAT BINARY)
