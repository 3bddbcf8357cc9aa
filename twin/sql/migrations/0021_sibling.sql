-- The other values of a quarantined message, which are kept without it.
-- squawk-ignore require-concurrent-index-creation -- the quarantine is bounded (store.quarantine_bytes)
CREATE INDEX quarantine_sibling ON quarantine (source, reason, first_seen) WHERE size = 0;
