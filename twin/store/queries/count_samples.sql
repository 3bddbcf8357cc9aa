SELECT coalesce(sum(n), 0)::bigint FROM waveform
WHERE ds = %(number)s AND t0 >= %(start)s AND t0 < %(end)s
