CREATE TEMP TABLE IF NOT EXISTS stage (
  t timestamptz NOT NULL, v double precision NOT NULL, ds integer NOT NULL, q smallint NOT NULL
) ON COMMIT DELETE ROWS;
-- The stage has no statistics; the key of the big table is always the right way to it.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET jit = off;
