SELECT id, person, permission, key_hash, granted_at, revoked_at FROM release_grant ORDER BY id
