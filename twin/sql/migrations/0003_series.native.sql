-- Readings and waveforms on plain PostgreSQL: range partitions without a DEFAULT one, because that
-- would block every later attachment. The column order keeps a reading at 52 bytes.
CREATE TABLE reading (
  t timestamptz NOT NULL,
  v double precision NOT NULL CHECK (v > '-Infinity' AND v < 'Infinity'),
  ds integer NOT NULL,
  q smallint NOT NULL,
  PRIMARY KEY (ds, t)
) PARTITION BY RANGE (t);

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
) PARTITION BY RANGE (t0);

CREATE TABLE partition_made (
  name text PRIMARY KEY,
  made_at timestamptz NOT NULL DEFAULT now()
);

-- Makes the partition that holds a day: 'made', 'exists', or 'full' if a wrong clock would make
-- more than 400 in an hour. CREATE with LIKE, then ATTACH: CREATE ... PARTITION OF would lock out
-- every reader.
CREATE FUNCTION twin_make_room(series text, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  width integer;
  first_day date;
  partition text;
BEGIN
  IF series NOT IN ('reading', 'waveform') THEN
    RAISE EXCEPTION 'no series is called %', series USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT partition_days INTO STRICT width FROM public.meta;
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
REVOKE ALL ON FUNCTION twin_make_room FROM PUBLIC;
