INSERT INTO rollup_stream AS s (ds, made_as, zone)
SELECT ds, made_as, %(zone)s FROM unnest(%(ds)s::integer [], %(made_as)s::text []) AS n (ds, made_as)
ON CONFLICT (ds) DO UPDATE SET made_as = excluded.made_as, zone = excluded.zone
