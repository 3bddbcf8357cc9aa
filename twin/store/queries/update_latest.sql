-- An update costs less than an insert that finds a row in its way; rows are added only if some
-- are missing. Only under the lock of next_revision: nobody else adds rows meanwhile.
WITH n AS MATERIALIZED (
  SELECT t, v, ds, q
  FROM unnest(
    %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
  ) AS given (t, v, ds, q)
),

changed AS (
  UPDATE latest AS l SET t = n.t, v = n.v, q = n.q, rev = (SELECT currval('change_rev'))
  FROM n WHERE l.ds = n.ds AND n.t > l.t
  RETURNING 1
)

INSERT INTO latest (t, v, ds, q, rev)
SELECT n.t, n.v, n.ds, n.q, (SELECT currval('change_rev'))
FROM n
WHERE (SELECT count(*) FROM changed) < cardinality(%(ds)s::integer [])
  AND NOT EXISTS (SELECT FROM latest AS l WHERE l.ds = n.ds)
