SELECT
  r.rolsuper AS is_superuser,
  r.rolsuper OR r.rolcreaterole AS may_create_roles,
  to_regclass('schema_migration') IS NOT NULL AS has_ledger,
  to_regclass('meta') IS NOT NULL AS has_meta,
  has_schema_privilege('public', 'CREATE') AS may_create_tables,
  current_setting('server_version_num')::integer AS version_number,
  current_database() AS database,
  current_user AS name
FROM pg_roles AS r WHERE r.rolname = current_user
