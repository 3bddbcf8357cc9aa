INSERT INTO ingest_commit (incarnation, seq, at) VALUES (%(incarnation)s, %(sequence)s, now())
ON CONFLICT (incarnation) DO UPDATE SET seq = excluded.seq, at = excluded.at
WHERE ingest_commit.seq < excluded.seq
RETURNING (SELECT registry_revision FROM meta)
