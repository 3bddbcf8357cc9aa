INSERT INTO meta (backend, partition_days) VALUES (%(backend)s, %(partition_days)s)
