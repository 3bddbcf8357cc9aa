-- One statement, two steps: an update costs less than an insert that finds a row in its way.
-- Only under the lock of next_revision: nobody else adds rows meanwhile.
WITH n AS MATERIALIZED (
  SELECT t, v, ds, q
  FROM unnest(
    %(t)s::timestamptz [], %(v)s::double precision [], %(ds)s::integer [], %(q)s::smallint []
  ) AS given (t, v, ds, q)
),

changed AS (
  UPDATE latest AS l SET t = n.t, v = n.v, q = n.q, rev = currval('change_rev')
  FROM n WHERE l.ds = n.ds AND n.t > l.t
)

INSERT INTO latest (t, v, ds, q, rev)
SELECT n.t, n.v, n.ds, n.q, currval('change_rev')
FROM n WHERE NOT EXISTS (SELECT FROM latest AS l WHERE l.ds = n.ds)
