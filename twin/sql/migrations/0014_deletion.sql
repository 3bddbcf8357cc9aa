-- What retention has deleted, one row per table and privacy class; every hash covers the previous
-- one, so that an edited, added or missing row shows. Nobody changes it, its owner neither.
CREATE TABLE deletion (
  number bigint PRIMARY KEY,                  -- 1, 2, 3 ... without a hole
  deleted_at timestamptz NOT NULL,
  series text NOT NULL,                       -- the table
  privacy_class text NOT NULL,                -- empty: rows of no datastream
  t_from timestamptz NOT NULL,                -- first and last time deleted
  t_to timestamptz NOT NULL,
  row_count bigint NOT NULL,
  rule text NOT NULL,                         -- setting and its value
  made_by text NOT NULL,                      -- programme and version
  hash bytea NOT NULL                         -- SHA-256 of the previous hash and this row
);

CREATE FUNCTION twin_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the proof of deletion is never changed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER deletion_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON deletion
FOR EACH STATEMENT EXECUTE FUNCTION twin_refuse_change();

-- Column that tells the age of a row; an error if retention knows no such table.
CREATE FUNCTION twin_age_column(series text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE
    WHEN series IN ('reading', 'reading_revision', 'arrival', 'latest') THEN 't'
    WHEN series = 'waveform' THEN 't0'
    WHEN series IN ('rollup_10s', 'rollup_1m', 'rollup_1h', 'rollup_1d') THEN 'b'
  END;
END
$$;

-- Rows in [t_first, t_before) of datastreams of these privacy classes: how many, from when to when.
CREATE FUNCTION twin_count_rows(
  series text, classes text [], t_first timestamptz, t_before timestamptz
)
RETURNS TABLE (privacy_class text, row_count bigint, t_from timestamptz, t_to timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  place text := public.twin_age_column(series);
  numbers integer [] := ARRAY(
    SELECT d.number FROM public.datastream AS d WHERE d.privacy_class = ANY (classes)
  );
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT d.privacy_class, count(*), min(x.%2$I), max(x.%2$I) '
    'FROM public.%1$I AS x JOIN public.datastream AS d ON d.number = x.ds '
    'WHERE x.ds = ANY ($1) AND x.%2$I >= $2 AND x.%2$I < $3 GROUP BY 1',
    series, place
  ) USING numbers, t_first, t_before;
END
$$;
REVOKE ALL ON FUNCTION twin_count_rows FROM PUBLIC;

-- Deletes such rows, about so many at most, and says which. Call it until it returns no row.
CREATE FUNCTION twin_delete_rows(
  series text, classes text [], t_first timestamptz, t_before timestamptz, most integer
)
RETURNS TABLE (privacy_class text, row_count bigint, t_from timestamptz, t_to timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  place text := public.twin_age_column(series);
  numbers integer [] := ARRAY(
    SELECT d.number FROM public.datastream AS d WHERE d.privacy_class = ANY (classes)
  );
BEGIN
  IF series IN ('reading', 'waveform', 'rollup_10s', 'rollup_1m') THEN
    -- Rows of partitions and chunks have no place of their own: by key.
    RETURN QUERY EXECUTE format(
      'WITH old AS MATERIALIZED ('
      '  SELECT x.ds, x.%2$I AS at FROM public.%1$I AS x '
      '  WHERE x.ds = ANY ($1) AND x.%2$I >= $2 AND x.%2$I < $3 LIMIT $4'
      '), gone AS ('
      '  DELETE FROM public.%1$I AS x USING old '
      '  WHERE x.ds = old.ds AND x.%2$I = old.at AND x.%2$I >= $2 AND x.%2$I < $3 '
      '  RETURNING x.ds, x.%2$I AS at'
      ') SELECT d.privacy_class, count(*), min(gone.at), max(gone.at) '
      'FROM gone JOIN public.datastream AS d ON d.number = gone.ds GROUP BY 1',
      series, place
    ) USING numbers, t_first, t_before, most;
  ELSE
    RETURN QUERY EXECUTE format(
      'WITH gone AS ('
      '  DELETE FROM public.%1$I AS x WHERE x.ctid = ANY (ARRAY('
      '    SELECT o.ctid FROM public.%1$I AS o '
      '    WHERE o.ds = ANY ($1) AND o.%2$I >= $2 AND o.%2$I < $3 LIMIT $4)) '
      '  RETURNING x.ds, x.%2$I AS at'
      ') SELECT d.privacy_class, count(*), min(gone.at), max(gone.at) '
      'FROM gone JOIN public.datastream AS d ON d.number = gone.ds GROUP BY 1',
      series, place
    ) USING numbers, t_first, t_before, most;
  END IF;
END
$$;
REVOKE ALL ON FUNCTION twin_delete_rows FROM PUBLIC;
