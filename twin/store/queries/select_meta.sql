SELECT cluster_id, backend, partition_days, registry_revision FROM meta
