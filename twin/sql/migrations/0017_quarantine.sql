-- The quarantine desk: how many deliveries of an entry are settled, and search by reason.
ALTER TABLE quarantine ADD COLUMN settled bigint NOT NULL DEFAULT 0;
-- squawk-ignore require-concurrent-index-creation -- the quarantine is bounded (store.quarantine_bytes)
CREATE INDEX quarantine_reason ON quarantine (source, reason, last_seen DESC);
