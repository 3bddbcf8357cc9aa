-- Which blocks were new.
INSERT INTO waveform (t0, rate, v_sum, v_min, v_max, ds, n, dtype, q, v)
SELECT b.t0, b.rate, b.v_sum, b.v_min, b.v_max, b.ds, b.n, 1, b.q, b.v
FROM unnest(
  %(t0)s::timestamptz [], %(rate)s::double precision [], %(v_sum)s::double precision [],
  %(v_min)s::real [], %(v_max)s::real [], %(ds)s::integer [], %(n)s::integer [],
  %(q)s::smallint [], %(v)b::bytea []
) AS b (t0, rate, v_sum, v_min, v_max, ds, n, q, v)
ON CONFLICT DO NOTHING
RETURNING ds, t0
