-- Newest reading of each datastream at or before some instants, not older than its limit. The outer
-- bounds let the server leave out partitions.
COPY (
  SELECT r.t, r.v, s.ds, r.q
  FROM unnest(%(numbers)s::integer [], %(holds)s::double precision []) AS s (ds, hold_s)
  CROSS JOIN generate_series(0, %(steps)s - 1) AS g (step)
  CROSS JOIN LATERAL (
    SELECT %(first)s + g.step * %(width)s AS at
  ) AS i
  CROSS JOIN LATERAL (
    SELECT e.t, e.v, e.q FROM reading AS e
    WHERE
      e.ds = s.ds AND e.t <= i.at AND e.t >= i.at - s.hold_s * INTERVAL '1 second'
      AND e.t >= %(earliest)s AND e.t <= %(latest)s
    ORDER BY e.t DESC LIMIT 1
  ) AS r
) TO STDOUT (FORMAT BINARY)
