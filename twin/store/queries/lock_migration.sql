SELECT pg_advisory_lock(hashtextextended('twin migrate', 0))
