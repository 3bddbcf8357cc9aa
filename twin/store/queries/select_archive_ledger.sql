SELECT name, encode(sha256, 'hex') FROM schema_migration ORDER BY number
