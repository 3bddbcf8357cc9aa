-- What every commit stored or corrected: distinct (datastream, minute since 2000-01-01 UTC).
-- Nothing is unique here: a writer must never wait for the one who takes the rows away.
CREATE TABLE dirty (
  rev bigint NOT NULL,
  ds integer [] NOT NULL,
  grain integer [] NOT NULL
);
