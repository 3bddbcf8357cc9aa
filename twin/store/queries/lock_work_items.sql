SELECT pg_advisory_xact_lock(hashtextextended('twin bridge_work_item', 0))
