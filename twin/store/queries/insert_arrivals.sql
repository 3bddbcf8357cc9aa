INSERT INTO arrival (ds, key, t)
SELECT n.ds, n.key, n.t
FROM unnest(
  %(ds)s::integer [], %(key)s::bigint [], %(t)s::timestamptz []
) AS n (ds, key, t)
ON CONFLICT DO NOTHING
