-- The bridges as they were recorded when somebody asked what measures do, by their hash. The worker
-- answers from them, whatever is recorded in the meantime. They hold no person and need no proof.
CREATE TABLE bridge_snapshot (
  sha256 text PRIMARY KEY,
  kept_at timestamptz NOT NULL,
  content bytea NOT NULL
);

-- Deletes snapshots of before a time that no run was asked with.
CREATE FUNCTION twin_expire_snapshots(t_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  PERFORM public.twin_check_age(t_before);
  DELETE FROM public.bridge_snapshot AS b
  WHERE b.kept_at < t_before
    AND NOT EXISTS (SELECT FROM public.run AS r WHERE position(b.sha256 IN r.options) > 0);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;
REVOKE ALL ON FUNCTION twin_expire_snapshots FROM PUBLIC;
