WITH new AS (
  INSERT INTO reading (t, v, ds, q) SELECT t, v, ds, q FROM stage ON CONFLICT DO NOTHING
  RETURNING ds
)
SELECT ds, count(*) FROM new GROUP BY ds
