-- The newest accepted value per datastream. No further index: updates stay on their page.
CREATE TABLE latest (
  t timestamptz NOT NULL,
  v double precision NOT NULL,
  rev bigint NOT NULL,
  ds integer PRIMARY KEY,
  q smallint NOT NULL
) WITH (fillfactor = 50);

CREATE SEQUENCE change_rev;
