-- From here to the COMMIT one transaction at a time: revisions become visible in their order.
SELECT pg_advisory_xact_lock(hashtextextended('twin change_rev', 0)), nextval('change_rev')
