SELECT
  current_setting('server_version') AS version,
  (SELECT backend FROM meta) AS backend,
  (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,
  current_setting('timescaledb.license', true) AS licence
