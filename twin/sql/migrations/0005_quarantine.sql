-- What could not be stored, with its reason; equal repeats raise "seen".
CREATE TABLE quarantine (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint bytea NOT NULL UNIQUE,          -- SHA-256 of source, topic, reason, reading, payload
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  seen bigint NOT NULL,
  source text NOT NULL,
  topic bytea NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  codec text NOT NULL,
  payload_sha256 bytea NOT NULL,
  size integer NOT NULL,
  head bytea NOT NULL,                        -- first 4 KiB
  payload bytea,                              -- whole, up to 256 KiB
  ds integer,
  t timestamptz,
  v double precision,
  state smallint NOT NULL DEFAULT 0,          -- 0 open, 1 replayed, 2 discarded, 3 failed again
  resolved_at timestamptz
);
CREATE INDEX quarantine_newest ON quarantine (last_seen DESC, id DESC);
