-- The earliest readings of each datastream in a span, as four arrays in one row.
SELECT array_agg(s.t) AS t, array_agg(s.v) AS v, array_agg(s.q) AS q, array_agg(s.ds) AS ds
FROM (
  SELECT r.t, r.v, r.q, n.ds
  FROM unnest(%(numbers)s::integer []) AS n (ds)
  CROSS JOIN LATERAL (
    SELECT e.t, e.v, e.q FROM reading AS e
    WHERE e.ds = n.ds AND e.t >= %(start)s AND e.t < %(end)s
    ORDER BY e.t LIMIT %(limit)s
  ) AS r
) AS s
