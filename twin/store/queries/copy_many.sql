COPY (
  SELECT t, v, ds, q FROM reading
  WHERE ds = ANY(%(numbers)s::integer []) AND t >= %(start)s AND t < %(end)s
) TO STDOUT (FORMAT BINARY)
