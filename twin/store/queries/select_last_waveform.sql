SELECT ds AS number, t0, rate AS rate_hz, v AS samples, q AS quality
FROM waveform WHERE ds = %(number)s AND t0 >= %(start)s AND t0 < %(end)s
ORDER BY t0 DESC LIMIT 1
