-- A page of readings of one datastream, later than the last one of the page before.
COPY (
  SELECT t, v, ds, q FROM reading
  WHERE ds = %(number)s AND t > %(after)s AND t < %(end)s
  ORDER BY t LIMIT %(limit)s
) TO STDOUT (FORMAT BINARY)
