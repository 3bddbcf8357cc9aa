SELECT pg_advisory_xact_lock(hashtextextended('twin registry', 0))
