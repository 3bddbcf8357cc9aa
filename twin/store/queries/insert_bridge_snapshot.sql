INSERT INTO bridge_snapshot (sha256, kept_at, content)
VALUES (%(sha256)s, %(kept_at)s, %(content)s)
ON CONFLICT (sha256) DO NOTHING
