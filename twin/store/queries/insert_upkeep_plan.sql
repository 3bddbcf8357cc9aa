INSERT INTO upkeep_plan (ds, level, source, agg, first, before)
SELECT ds, level, source, agg, first, before
FROM unnest(
  %(ds)s::integer [], %(level)s::smallint [], %(source)s::smallint [], %(agg)s::smallint [],
  %(first)s::timestamptz [], %(before)s::timestamptz []
) AS p (ds, level, source, agg, first, before)
