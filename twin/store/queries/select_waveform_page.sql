-- A page of waveform blocks of one datastream, later than the last one of the page before.
SELECT ds AS number, t0, rate AS rate_hz, v AS samples, q AS quality
FROM waveform WHERE ds = %(number)s AND t0 > %(after)s AND t0 < %(end)s
ORDER BY t0 LIMIT %(limit)s
