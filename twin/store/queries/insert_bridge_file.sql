INSERT INTO bridge_file (sha256, size_bytes) VALUES (%(sha256)s, %(size_bytes)s)
ON CONFLICT (sha256) DO NOTHING
RETURNING id
