SELECT
  day, source,
  sum(received)::bigint AS received, sum(stored)::bigint AS stored,
  sum(duplicate)::bigint AS duplicate, sum(quarantined)::bigint AS quarantined,
  sum(declared_lost)::bigint AS declared_lost, sum(ignored)::bigint AS ignored,
  sum(missing)::bigint AS missing, sum(unassigned)::bigint AS unassigned
FROM ingest_balance WHERE day >= %(since)s
GROUP BY day, source ORDER BY day, source COLLATE "C"
