SELECT a.ds, a.key, a.t
FROM unnest(%(ds)s::integer [], %(key)s::bigint []) AS n (ds, key)
JOIN arrival AS a ON a.ds = n.ds AND a.key = n.key
