-- Readings and waveforms as hypertables; the columns are those of 0003_series.native.sql (a test
-- compares them).
CREATE TABLE reading (
  t timestamptz NOT NULL,
  v double precision NOT NULL CHECK (v > '-Infinity' AND v < 'Infinity'),
  ds integer NOT NULL,
  q smallint NOT NULL,
  PRIMARY KEY (ds, t)
);
SELECT create_hypertable(
  'reading', by_range('t', INTERVAL '1 day'), create_default_indexes => false
);

CREATE TABLE waveform (
  t0 timestamptz NOT NULL,
  rate double precision NOT NULL CHECK (rate > 0 AND rate < 'Infinity'),
  v_sum double precision NOT NULL,
  v_min real NOT NULL,
  v_max real NOT NULL,
  ds integer NOT NULL,
  n integer NOT NULL,
  dtype smallint NOT NULL CHECK (dtype = 1),  -- 1 float32, little endian
  q smallint NOT NULL,
  v bytea NOT NULL,
  PRIMARY KEY (ds, t0)
);
SELECT create_hypertable(
  'waveform', by_range('t0', INTERVAL '1 day'), create_default_indexes => false
);
