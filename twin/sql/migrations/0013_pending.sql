-- Buckets of rollups that wait for their recomputation, and from when on. Levels: 1 ten seconds
-- (b is the minute: all six of it at once), 2 minute, 3 hour, 4 local day.
CREATE TABLE pending (
  due timestamptz NOT NULL,
  b timestamptz NOT NULL,
  ds integer NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
  PRIMARY KEY (level, ds, b)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX pending_by_time ON pending (level, b);

-- The float32 (little endian, IEEE 754, finite) at a position of a waveform's bytes.
CREATE FUNCTION twin_sample(block bytea, place integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT
    CASE WHEN bits.sign = 1 THEN -1.0 ELSE 1.0 END::double precision
    * CASE WHEN bits.exponent = 0 THEN bits.fraction * power(2.0::double precision, -149)
      ELSE (8388608 + bits.fraction) * power(2.0::double precision, bits.exponent - 150) END
  FROM (
    SELECT get_byte(four, 3) >> 7 AS sign,
      ((get_byte(four, 3) & 127) << 1) | (get_byte(four, 2) >> 7) AS exponent,
      ((get_byte(four, 2) & 127) << 16) | (get_byte(four, 1) << 8) | get_byte(four, 0) AS fraction
    FROM substr(block, 4 * place + 1, 4) AS four
  ) AS bits
$$;
