-- When waveform blocks of some datastreams ended; their samples are not read.
COPY (
  SELECT
    t0 + ((n - 1) / rate) * INTERVAL '1 second' AS t, 'NaN'::double precision AS v, ds, q
  FROM waveform
  WHERE ds = ANY(%(numbers)s::integer []) AND t0 >= %(start)s AND t0 < %(end)s
) TO STDOUT (FORMAT BINARY)
