-- Takes due buckets of one level in [first, last] out of the queue, with their ends, where their
-- rows come from and how they are aggregated; what may not be computed any more is dropped.
WITH chosen AS MATERIALIZED (
  SELECT ds, b FROM pending
  WHERE level = %(level)s AND due <= %(at)s AND b BETWEEN %(first)s AND %(last)s
  ORDER BY b DESC LIMIT %(most)s
),

picked AS (
  DELETE FROM pending AS p USING chosen AS c
  WHERE p.level = %(level)s AND p.ds = c.ds AND p.b = c.b
  RETURNING p.ds, p.b
),

due AS (
  INSERT INTO due_bucket (b, e, ds, source, agg)
  SELECT
    small.b,
    CASE %(level)s
      WHEN 1 THEN small.b + interval '10 s'
      WHEN 2 THEN small.b + interval '1 minute'
      WHEN 3 THEN small.b + interval '1 hour'
      ELSE (small.b AT TIME ZONE %(zone)s + interval '1 day') AT TIME ZONE %(zone)s
    END,
    p.ds, q.source, q.agg
  FROM picked AS p
  JOIN upkeep_plan AS q
    ON q.ds = p.ds AND q.level = %(level)s AND p.b >= q.first AND p.b < q.before
  CROSS JOIN LATERAL generate_series(
    p.b, p.b + CASE WHEN %(level)s = 1 THEN interval '50 s' ELSE interval '0' END, interval '10 s'
  ) AS small (b)
  -- Of a minute that is not over only what ended just now; all of it once it is over, or if
  -- nothing of it is, so that no minute leaves the queue without a trace.
  WHERE
    %(level)s <> 1 OR p.b + interval '1 minute' <= %(at)s OR p.b + interval '10 s' > %(at)s
    OR small.b + interval '10 s' BETWEEN %(at)s::timestamptz - interval '15 s' AND %(at)s
  RETURNING source, b, e
)

SELECT source, count(*), min(b), max(e) FROM due GROUP BY source
