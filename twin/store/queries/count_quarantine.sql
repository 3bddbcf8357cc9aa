SELECT source, reason, sum(seen)::bigint FROM quarantine GROUP BY source, reason
