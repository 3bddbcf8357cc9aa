-- What was computed last of the running traffic: state of a base against live counts, forecast and
-- indicators of a place. The newest of a kind and subject replaces the one before.
CREATE TABLE traffic_state (
  kind text NOT NULL,                         -- live, forecast, indicators
  subject text NOT NULL,                      -- name of a base, or uid of a datastream
  made_at timestamptz NOT NULL,
  content text NOT NULL,                      -- JSON
  PRIMARY KEY (kind, subject)
);

-- Deletes answered runs that ended before a time; the same question is computed anew afterwards.
CREATE FUNCTION twin_expire_answers(t_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint [];
BEGIN
  PERFORM public.twin_check_age(t_before);
  gone := ARRAY(
    SELECT id FROM public.run
    WHERE status = 'done' AND coalesce(ended_at, submitted_at) < t_before
    FOR UPDATE SKIP LOCKED
  );
  DELETE FROM public.run_part WHERE run_id = ANY (gone);
  DELETE FROM public.run_result WHERE run_id = ANY (gone);
  DELETE FROM public.run WHERE id = ANY (gone);
  RETURN cardinality(gone);
END
$$;
REVOKE ALL ON FUNCTION twin_expire_answers FROM PUBLIC;
