SELECT pg_advisory_xact_lock(hashtextextended('twin decision', 0))
