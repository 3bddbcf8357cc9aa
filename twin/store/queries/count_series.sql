SELECT count(*) FROM reading WHERE ds = %(number)s AND t >= %(start)s AND t < %(end)s
