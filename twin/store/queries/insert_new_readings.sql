-- Which rows were new: everything else was there already.
WITH new AS (
  INSERT INTO reading (t, v, ds, q)
  SELECT n.t, n.v, n.ds, n.q
  FROM unnest(
    %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
  ) AS n (t, v, ds, q)
  ON CONFLICT DO NOTHING
  RETURNING ds, t
)
SELECT array_agg(ds), array_agg(t) FROM new
