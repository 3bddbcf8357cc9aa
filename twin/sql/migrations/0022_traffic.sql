-- Bases of the traffic model: solved states that scenarios are compared with. Files lie in pieces,
-- so that no row is large; they are compressed already.
CREATE TABLE traffic_base (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  version integer NOT NULL,
  content_hash text NOT NULL,
  made_at timestamptz NOT NULL,
  engine text NOT NULL,
  engine_version text NOT NULL,
  figure_names text [] NOT NULL,
  figure_values double precision [] NOT NULL,
  unit_names text [] NOT NULL,                -- figures that have a unit
  unit_values text [] NOT NULL,               -- UCUM
  assumptions text [] NOT NULL,
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz,
  UNIQUE (name, version)
);
CREATE INDEX traffic_base_content ON traffic_base (content_hash);
CREATE TABLE traffic_base_part (
  base_id bigint NOT NULL REFERENCES traffic_base,
  part text NOT NULL,
  piece integer NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (base_id, part, piece)
);
CREATE TABLE run_part (
  run_id bigint NOT NULL REFERENCES run,
  part text NOT NULL,
  piece integer NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (run_id, part, piece)
);
ALTER TABLE traffic_base_part ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE run_part ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE run ADD COLUMN base text NOT NULL DEFAULT '';      -- content hash
ALTER TABLE run ADD COLUMN options text NOT NULL DEFAULT '';   -- what else decides on the answer
ALTER TABLE run ADD COLUMN attempt integer NOT NULL DEFAULT 0; -- workers that took it

-- Deletes failed and cancelled runs that ended before a time, and bases that no run started from
-- besides the newest versions of each name; they hold no person and need no proof.
CREATE FUNCTION twin_expire_runs(
  t_before timestamptz, kept_bases integer, OUT runs bigint, OUT bases bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint [];
BEGIN
  PERFORM public.twin_check_age(t_before);
  gone := ARRAY(
    SELECT id FROM public.run
    WHERE status IN ('failed', 'cancelled') AND coalesce(ended_at, submitted_at) < t_before
    FOR UPDATE SKIP LOCKED
  );
  DELETE FROM public.run_part WHERE run_id = ANY (gone);
  DELETE FROM public.run_result WHERE run_id = ANY (gone);
  DELETE FROM public.run WHERE id = ANY (gone);
  runs := cardinality(gone);
  LOCK TABLE public.traffic_base IN SHARE ROW EXCLUSIVE MODE;
  gone := ARRAY(
    SELECT id FROM (
      SELECT id, content_hash, made_at, row_number() OVER (PARTITION BY name ORDER BY version DESC) AS age
      FROM public.traffic_base
    ) AS old
    WHERE age > greatest(kept_bases, 1) AND made_at < t_before
      AND NOT EXISTS (SELECT FROM public.run WHERE run.base = old.content_hash)
  );
  DELETE FROM public.traffic_base_part WHERE base_id = ANY (gone);
  DELETE FROM public.traffic_base WHERE id = ANY (gone);
  bases := cardinality(gone);
END
$$;
REVOKE ALL ON FUNCTION twin_expire_runs FROM PUBLIC;
