-- The same with the values that corrected readings had at an earlier time.
COPY (
  SELECT r.t, coalesce(o.v, r.v) AS v, r.ds, coalesce(o.q, r.q) AS q
  FROM (
    SELECT t, v, ds, q FROM reading
    WHERE ds = %(number)s AND t > %(after)s AND t < %(end)s
    ORDER BY t LIMIT %(limit)s
  ) AS r
  LEFT JOIN LATERAL (
    SELECT e.v, e.q FROM reading_revision AS e
    WHERE e.ds = r.ds AND e.t = r.t AND e.replaced_at > %(as_of)s
    ORDER BY e.revision LIMIT 1
  ) AS o ON true
  ORDER BY r.t
) TO STDOUT (FORMAT BINARY)
