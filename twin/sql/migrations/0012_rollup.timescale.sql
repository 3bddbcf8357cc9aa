-- Rollups with TimescaleDB; columns and keys are those of 0012_rollup.native.sql (a test compares
-- them), where their meaning is explained.
CREATE TABLE rollup_10s (
  b timestamptz NOT NULL,
  t_last timestamptz NOT NULL,
  v_sum double precision NOT NULL,
  v_min double precision NOT NULL,
  v_max double precision NOT NULL,
  v_last double precision NOT NULL,
  c_sum double precision,
  s_sum double precision,
  ds integer NOT NULL,
  n integer NOT NULL,
  n_bad integer NOT NULL,
  PRIMARY KEY (ds, b)
);
SELECT create_hypertable(
  'rollup_10s', by_range('b', INTERVAL '7 days'), create_default_indexes => false
);
CREATE INDEX rollup_10s_by_time ON rollup_10s USING brin (b);

CREATE TABLE rollup_1m (
  b timestamptz NOT NULL,
  t_last timestamptz NOT NULL,
  v_sum double precision NOT NULL,
  v_min double precision NOT NULL,
  v_max double precision NOT NULL,
  v_last double precision NOT NULL,
  c_sum double precision,
  s_sum double precision,
  ds integer NOT NULL,
  n integer NOT NULL,
  n_bad integer NOT NULL,
  PRIMARY KEY (ds, b)
);
SELECT create_hypertable(
  'rollup_1m', by_range('b', INTERVAL '30 days'), create_default_indexes => false
);
CREATE INDEX rollup_1m_by_time ON rollup_1m USING brin (b);

CREATE TABLE rollup_1h (
  b timestamptz NOT NULL,
  t_last timestamptz NOT NULL,
  v_sum double precision NOT NULL,
  v_min double precision NOT NULL,
  v_max double precision NOT NULL,
  v_last double precision NOT NULL,
  c_sum double precision,
  s_sum double precision,
  ds integer NOT NULL,
  n integer NOT NULL,
  n_bad integer NOT NULL,
  PRIMARY KEY (ds, b)
);
CREATE INDEX rollup_1h_by_time ON rollup_1h USING brin (b);

CREATE TABLE rollup_1d (
  b timestamptz NOT NULL,
  t_last timestamptz NOT NULL,
  v_sum double precision NOT NULL,
  v_min double precision NOT NULL,
  v_max double precision NOT NULL,
  v_last double precision NOT NULL,
  c_sum double precision,
  s_sum double precision,
  ds integer NOT NULL,
  n integer NOT NULL,
  n_bad integer NOT NULL,
  PRIMARY KEY (ds, b)
);
CREATE INDEX rollup_1d_by_time ON rollup_1d USING brin (b);

-- What the rollups of a datastream were made with: aggregation, levels and quality mask, and the
-- zone of its days. Where it differs, or is absent, they are made again from what is kept.
CREATE TABLE rollup_stream (
  ds integer PRIMARY KEY,
  made_as text NOT NULL,
  zone text NOT NULL
);

-- The chunks of a series: name and span.
CREATE FUNCTION twin_rooms(series text)
RETURNS TABLE (name text, t_from timestamptz, t_to timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end
  FROM timescaledb_information.chunks AS c
  WHERE c.hypertable_schema = 'public' AND c.hypertable_name = series
    AND series IN ('reading', 'waveform', 'rollup_10s', 'rollup_1m')
  ORDER BY 2
$$;
REVOKE ALL ON FUNCTION twin_rooms FROM PUBLIC;

-- Drops the chunk with exactly this span and says what it held.
CREATE FUNCTION twin_drop_room(series text, room_from timestamptz, room_to timestamptz)
RETURNS TABLE (privacy_class text, row_count bigint, t_from timestamptz, t_to timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  room text;
  place text := CASE series WHEN 'reading' THEN 't' WHEN 'waveform' THEN 't0' ELSE 'b' END;
BEGIN
  SELECT r.name INTO room FROM public.twin_rooms(series) AS r
  WHERE r.t_from = room_from AND r.t_to = room_to;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '500ms', true);
  EXECUTE format('LOCK TABLE %s IN SHARE MODE', room);
  RETURN QUERY EXECUTE format(
    'SELECT coalesce(d.privacy_class, ''''), count(*), min(x.%2$I), max(x.%2$I) '
    'FROM public.%1$I AS x LEFT JOIN public.datastream AS d ON d.number = x.ds '
    'WHERE x.%2$I >= $1 AND x.%2$I < $2 GROUP BY 1',
    series, place
  ) USING room_from, room_to;
  PERFORM public.drop_chunks(
    format('public.%I', series)::regclass, older_than => room_to, newer_than => room_from
  );
END
$$;
REVOKE ALL ON FUNCTION twin_drop_room FROM PUBLIC;

-- Compression of old chunks, where the community edition runs and the operator wants it: 'on',
-- 'off', or 'not offered'. The Apache edition answers 0A000 (feature_not_supported).
CREATE FUNCTION twin_compress(is_wanted boolean, compress_after interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale' THEN
    RETURN 'not offered';
  END IF;
  IF NOT is_wanted THEN
    PERFORM public.remove_compression_policy('public.reading', if_exists => true);
    PERFORM public.remove_compression_policy('public.waveform', if_exists => true);
    RETURN 'off';
  END IF;
  IF EXISTS (
    SELECT FROM timescaledb_information.jobs AS j
    WHERE j.proc_name = 'policy_compression' AND j.hypertable_name = 'waveform'
  ) THEN
    RETURN 'on';
  END IF;
  ALTER TABLE public.reading SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'ds', timescaledb.compress_orderby = 't'
  );
  ALTER TABLE public.waveform SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'ds', timescaledb.compress_orderby = 't0'
  );
  PERFORM public.add_compression_policy(
    'public.reading', compress_after => compress_after, if_not_exists => true
  );
  PERFORM public.add_compression_policy(
    'public.waveform', compress_after => compress_after, if_not_exists => true
  );
  RETURN 'on';
EXCEPTION
  WHEN feature_not_supported THEN RETURN 'not offered';
END
$$;
REVOKE ALL ON FUNCTION twin_compress FROM PUBLIC;
