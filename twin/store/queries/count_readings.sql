SELECT count(*) FROM reading
WHERE ds = ANY(%(numbers)s::integer []) AND t >= %(start)s AND t < %(end)s
