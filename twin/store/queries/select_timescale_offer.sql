-- The setting exists only where the library is preloaded; without that, CREATE EXTENSION would
-- end the connection.
SELECT
  EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
  AND EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers')
  AS is_offered
