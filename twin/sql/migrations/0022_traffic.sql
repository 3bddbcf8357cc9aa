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
