SELECT w.ds, w.t0, w.rate = b.rate AND w.n = b.n AND w.dtype = 1 AND w.v = b.v AS is_same
FROM unnest(
  %(t0)s::timestamptz [], %(rate)s::double precision [], %(ds)s::integer [], %(n)s::integer [],
  %(v)b::bytea []
) AS b (t0, rate, ds, n, v)
JOIN waveform AS w ON w.ds = b.ds AND w.t0 = b.t0
