-- Buckets of readings that are too many to be read one by one.
COPY (
  WITH bin AS (
    SELECT
      date_bin(%(width)s, t, %(first)s) AS b,
      max(t) FILTER (WHERE q & %(mask)s = 0) AS t_last,
      sum(v) FILTER (WHERE q & %(mask)s = 0) AS v_sum,
      min(v) FILTER (WHERE q & %(mask)s = 0) AS v_min,
      max(v) FILTER (WHERE q & %(mask)s = 0) AS v_max,
      CASE WHEN %(is_circular)s THEN sum(cosd(v)) FILTER (WHERE q & %(mask)s = 0) END AS c_sum,
      CASE WHEN %(is_circular)s THEN sum(sind(v)) FILTER (WHERE q & %(mask)s = 0) END AS s_sum,
      count(*) FILTER (WHERE q & %(mask)s = 0) AS n,
      count(*) FILTER (WHERE q & %(mask)s <> 0) AS n_bad
    FROM reading WHERE ds = %(number)s AND t >= %(start)s AND t < %(end)s
    GROUP BY 1
  )
  SELECT
    b, coalesce(bin.t_last, b) AS t_last, coalesce(v_sum, 0) AS v_sum,
    coalesce(v_min, 'NaN') AS v_min, coalesce(v_max, 'NaN') AS v_max,
    coalesce(r.v, 'NaN') AS v_last, coalesce(c_sum, 0) AS c_sum, coalesce(s_sum, 0) AS s_sum,
    n::integer AS n, n_bad::integer AS n_bad
  FROM bin
  LEFT JOIN reading AS r
    ON r.ds = %(number)s AND r.t = bin.t_last AND r.t >= %(start)s AND r.t < %(end)s
) TO STDOUT (FORMAT BINARY)
