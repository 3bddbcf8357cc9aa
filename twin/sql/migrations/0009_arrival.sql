-- The stable time of readings that carry none: that of their first arrival. Kept for some days.
CREATE TABLE arrival (
  key bigint NOT NULL,                        -- the same when the reading is delivered again
  t timestamptz NOT NULL,
  ds integer NOT NULL,
  PRIMARY KEY (ds, key)
);
-- Rows come in the order of time: a small index finds the old ones.
CREATE INDEX arrival_by_time ON arrival USING brin (t);
