COPY (
  SELECT t, v, q FROM reading WHERE ds = %(number)s AND t >= %(start)s AND t < %(end)s
  ORDER BY t LIMIT %(limit)s
) TO STDOUT (FORMAT BINARY)
