SELECT pg_advisory_xact_lock(hashtextextended('twin bridge_record', 0))
