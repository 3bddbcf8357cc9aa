-- Rollups on plain PostgreSQL: what the readings of a bucket amount to. The fine levels are
-- partitioned like the readings (0003_series.native.sql), 7 and 30 days wide.
--
-- n counts the readings that count, n_bad those whose quality forbids it. A bucket with n = 0 has
-- v_sum 0 and NaN in v_min, v_max and v_last: leave it out where values are merged. Where a sum
-- has no meaning (directions, states) v_sum is NaN; directions have c_sum and s_sum instead.
-- b is the start of the bucket; rollup_1d has local days of the city.
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
) PARTITION BY RANGE (b);
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
) PARTITION BY RANGE (b);
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

-- As in 0003_series.native.sql, for the rollups too, which have widths of their own.
CREATE OR REPLACE FUNCTION twin_make_room(series text, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  width integer;
  first_day date;
  partition text;
BEGIN
  IF series IN ('reading', 'waveform') THEN
    SELECT partition_days INTO STRICT width FROM public.meta;
  ELSIF series = 'rollup_10s' THEN
    width := 7;
  ELSIF series = 'rollup_1m' THEN
    width := 30;
  ELSE
    RAISE EXCEPTION 'no series is called %', series USING ERRCODE = 'invalid_parameter_value';
  END IF;
  first_day := date '2000-01-03' + floor((day - date '2000-01-03')::numeric / width)::integer * width;
  partition := format('%s_%s', series, to_char(first_day, 'YYYYMMDD'));
  IF to_regclass(format('public.%I', partition)) IS NOT NULL THEN
    RETURN 'exists';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('twin_make_room', 0));
  IF to_regclass(format('public.%I', partition)) IS NOT NULL THEN
    RETURN 'exists';
  END IF;
  DELETE FROM public.partition_made WHERE made_at < now() - interval '1 hour';
  IF (SELECT count(*) >= 400 FROM public.partition_made) THEN
    RETURN 'full';
  END IF;
  PERFORM set_config('lock_timeout', '2s', true);
  EXECUTE format(
    'CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
    partition, series
  );
  EXECUTE format(
    'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
    series, partition,
    first_day::timestamp AT TIME ZONE 'UTC', (first_day + width)::timestamp AT TIME ZONE 'UTC'
  );
  INSERT INTO public.partition_made (name) VALUES (partition)
  ON CONFLICT (name) DO UPDATE SET made_at = excluded.made_at;
  RETURN 'made';
END
$$;

-- The partitions of a series: name and span.
CREATE FUNCTION twin_rooms(series text)
RETURNS TABLE (name text, t_from timestamptz, t_to timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
  SELECT room.relname::text, bound[1]::timestamptz, bound[2]::timestamptz
  FROM pg_inherits
  JOIN pg_class AS room ON room.oid = inhrelid
  CROSS JOIN regexp_match(
    pg_get_expr(room.relpartbound, room.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)'
  ) AS bound
  WHERE inhparent = to_regclass(format('public.%I', series))
    AND series IN ('reading', 'waveform', 'rollup_10s', 'rollup_1m')
  ORDER BY 2
$$;
REVOKE ALL ON FUNCTION twin_rooms FROM PUBLIC;

-- Drops the partition with exactly this span and says what it held. Counting takes a lock that
-- only writers into this old partition would meet; the drop itself waits half a second at most.
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
  EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', room);
  RETURN QUERY EXECUTE format(
    'SELECT coalesce(d.privacy_class, ''''), count(*), min(x.%2$I), max(x.%2$I) '
    'FROM public.%1$I AS x LEFT JOIN public.datastream AS d ON d.number = x.ds GROUP BY 1',
    room, place
  );
  EXECUTE format('DROP TABLE public.%I', room);
END
$$;
REVOKE ALL ON FUNCTION twin_drop_room FROM PUBLIC;

-- Compression of old rooms: plain PostgreSQL has none.
CREATE FUNCTION twin_compress(is_wanted boolean, compress_after interval) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT 'not offered'
$$;
REVOKE ALL ON FUNCTION twin_compress FROM PUBLIC;
