SELECT
  c.relname::text AS name,
  array_agg(a.attname::text ORDER BY a.attnum) AS columns,
  array_agg(t.typname::text ORDER BY a.attnum) AS types,
  coalesce(
    (
      SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::smallint [], k.attnum))
      FROM pg_index AS i
      JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey::smallint [])
      WHERE i.indrelid = c.oid AND i.indisprimary
    ), ARRAY[]::text []
  ) AS key,
  CASE c.relname
    WHEN 'reading' THEN 't' WHEN 'waveform' THEN 't0'
    WHEN 'rollup_10s' THEN 'b' WHEN 'rollup_1m' THEN 'b'
  END AS time_column
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT IN ('meta', 'schema_migration', 'partition_made')
GROUP BY c.oid, c.relname
ORDER BY c.relname
