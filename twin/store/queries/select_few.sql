-- Readings as three arrays in one row: a COPY would be handed over row by row.
SELECT array_agg(s.t) AS t, array_agg(s.v) AS v, array_agg(s.q) AS q
FROM (
  SELECT t, v, q FROM reading WHERE ds = %(number)s AND t >= %(start)s AND t < %(end)s
  ORDER BY t LIMIT %(limit)s
) AS s
