INSERT INTO release_grant (person, permission, key_hash, granted_at)
VALUES (%(person)s, %(permission)s, %(key_hash)s, %(at)s)
RETURNING id
