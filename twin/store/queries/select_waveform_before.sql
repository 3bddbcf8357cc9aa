SELECT t0, rate AS rate_hz, n AS samples FROM waveform
WHERE ds = %(number)s AND t0 < %(start)s
ORDER BY t0 DESC LIMIT 1
