SELECT pg_advisory_xact_lock(hashtextextended('twin traffic_base', 0))
