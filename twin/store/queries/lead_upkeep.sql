SELECT pg_try_advisory_lock(hashtextextended('twin_upkeep', 0))
