INSERT INTO waveform (t0, rate, v_sum, v_min, v_max, ds, n, dtype, q, v)
VALUES (
  %(t0)s, %(rate)s, %(v_sum)s, %(v_min)s, %(v_max)s, %(ds)s, %(n)s, 1, %(q)s, %(v)s
)
ON CONFLICT DO NOTHING
