-- When the raw rows of a datastream begin in a span.
SELECT least(
  (SELECT min(t) FROM reading WHERE ds = %(number)s AND t >= %(start)s AND t < %(end)s),
  (SELECT min(t0) FROM waveform WHERE ds = %(number)s AND t0 >= %(start)s AND t0 < %(end)s)
)
