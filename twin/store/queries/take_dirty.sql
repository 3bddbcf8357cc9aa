-- Turns some dirty minutes into pending buckets of the levels that are computed from raw data. A
-- dirty row is visible only together with its readings, so a recomputation never misses them.
-- There is one worker only, so nothing is locked. Buckets that are over wait for "settle", so that
-- late readings are taken together.
WITH taken AS (
  DELETE FROM dirty
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM dirty ORDER BY rev LIMIT 500))
  RETURNING ds, grain
),

minutes AS (
  SELECT DISTINCT m.ds, timestamptz '2000-01-01 00:00+00' + m.grain * interval '1 minute' AS b
  FROM taken CROSS JOIN LATERAL unnest(taken.ds, taken.grain) AS m (ds, grain)
),

buckets AS (
  SELECT DISTINCT
    m.ds, p.level,
    CASE WHEN p.level = 3 THEN date_bin('1 hour', m.b, timestamptz '2000-01-01 00:00+00')
      ELSE m.b END AS b,
    p.first, p.before
  FROM minutes AS m JOIN upkeep_plan AS p ON p.ds = m.ds AND p.source IN (1, 2)
),

entered AS (
  INSERT INTO pending (due, b, ds, level)
  SELECT
    CASE
      WHEN b + CASE WHEN level = 3 THEN interval '1 hour' ELSE interval '1 minute' END
        <= %(at)s::timestamptz THEN %(at)s::timestamptz + %(settle)s::interval
      WHEN level = 3 THEN least(b + interval '1 hour 5 s', %(at)s::timestamptz + interval '1 minute')
      WHEN level = 2 THEN b + interval '1 minute 5 s'
      ELSE greatest(
        b + interval '15 s',
        date_bin('10 s', %(at)s::timestamptz, timestamptz '2000-01-01 00:00+00') + interval '15 s'
      )
    END,
    b, ds, level
  FROM buckets WHERE b >= first AND b < before
  ON CONFLICT (level, ds, b) DO UPDATE SET due = excluded.due WHERE excluded.due < pending.due
)

SELECT count(*) FROM taken
