-- Decisions on measures, step by step; comments on runs; who may release. Nothing is overwritten but
-- the end of a grant. Runs are deleted after a while, what was decided on them stays: no foreign key.
CREATE TABLE decision (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  begun_at timestamptz NOT NULL
);

CREATE TABLE decision_event (
  decision_id bigint NOT NULL REFERENCES decision,
  version integer NOT NULL CHECK (version >= 1),   -- two changes on the same version: one is refused
  state text NOT NULL CHECK (state IN ('draft', 'decided', 'published', 'updated', 'withdrawn')),
  at timestamptz NOT NULL,
  person text NOT NULL,
  reason text NOT NULL,
  content text NOT NULL,                           -- JSON: the order as of this step
  PRIMARY KEY (decision_id, version)
);

CREATE TABLE run_comment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id bigint NOT NULL,
  at timestamptz NOT NULL,
  author text NOT NULL,
  content text NOT NULL
);
CREATE INDEX run_comment_run ON run_comment (run_id, id);

CREATE TABLE release_grant (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person text NOT NULL,
  permission text NOT NULL,
  key_hash text NOT NULL UNIQUE,                   -- SHA-256 of 256 random bits
  granted_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE release_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('granted', 'revoked', 'used', 'refused')),
  caller text NOT NULL,
  detail text NOT NULL
);
CREATE INDEX release_event_refused ON release_event (caller, at) WHERE kind = 'refused';

-- Whoever decides may put the ordered restriction into the inventory, and nothing else.
CREATE FUNCTION twin_record_decision(
  t_decision bigint, t_asset text, t_part text, t_as_of date, t_at timestamptz, t_content text,
  t_notes text
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO public.bridge_record (
    asset_id, kind, part, key, as_of, recorded_at, content, notes, licence,
    provenance_kind, provenance_by, provenance_references, provenance_at
  )
  SELECT t_asset, 'restriction', t_part, 'decision ' || id, t_as_of, t_at, t_content, t_notes, '',
    'derived', 'decision ' || id, ARRAY[]::text [], t_at
  FROM public.decision WHERE id = t_decision
$$;
REVOKE ALL ON FUNCTION twin_record_decision FROM PUBLIC;
