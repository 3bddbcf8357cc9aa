-- Inventory of bridges and what analyses leave behind; see ADR 0030. Contents are JSON documents of
-- frozen dataclasses, kept as the text that was written.
CREATE TABLE bridge_record (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asset_id text NOT NULL,                     -- of the map, or a number of the owner's list
  kind text NOT NULL,
  part text NOT NULL,
  key text NOT NULL,
  as_of date,
  recorded_at timestamptz NOT NULL,
  content text NOT NULL,
  notes text NOT NULL,
  licence text NOT NULL,
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz
);
CREATE INDEX bridge_record_object ON bridge_record (asset_id, kind, part, key);

CREATE TABLE bridge_work_item (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  asset_id text NOT NULL,
  part text NOT NULL,
  field text NOT NULL,
  row_number integer,
  found_at timestamptz NOT NULL,
  cleared_at timestamptz
);
CREATE INDEX bridge_work_item_source ON bridge_work_item (source) WHERE cleared_at IS NULL;

CREATE TABLE bridge_file (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256 text NOT NULL UNIQUE,
  size_bytes bigint NOT NULL
);
CREATE TABLE bridge_file_part (
  file_id bigint NOT NULL REFERENCES bridge_file,
  part text NOT NULL,
  piece integer NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (file_id, part, piece)
);
ALTER TABLE bridge_file_part ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TABLE bridge_attachment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  file_id bigint NOT NULL REFERENCES bridge_file,
  asset_id text NOT NULL,
  part text NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  name text NOT NULL,
  media_type text NOT NULL,
  licence text NOT NULL,
  recorded_at timestamptz NOT NULL,
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz,
  UNIQUE (asset_id, part, kind, key, name, file_id)
);

CREATE TABLE bridge_event (
  asset_id text NOT NULL REFERENCES asset,
  kind text NOT NULL,
  key text NOT NULL,
  at timestamptz NOT NULL,
  figure_names text [] NOT NULL,
  figure_values double precision [] NOT NULL,
  word_names text [] NOT NULL,
  word_values text [] NOT NULL,
  flags text [] NOT NULL,
  PRIMARY KEY (asset_id, kind, key)
);
CREATE INDEX bridge_event_newest ON bridge_event (asset_id, at DESC);

CREATE TABLE bridge_state (
  asset_id text NOT NULL REFERENCES asset,
  name text NOT NULL,
  format_version integer NOT NULL,
  position_us bigint NOT NULL,                -- input is used up to here
  content bytea NOT NULL,
  kept_at timestamptz NOT NULL,
  PRIMARY KEY (asset_id, name)
);

CREATE TABLE bridge_model (
  asset_id text NOT NULL REFERENCES asset,
  name text NOT NULL,
  version integer NOT NULL,
  purpose text NOT NULL,
  owner text NOT NULL,                        -- role
  trained_from timestamptz NOT NULL,
  trained_until timestamptz NOT NULL,
  trained_at timestamptz NOT NULL,
  metric_name text NOT NULL,
  metric_value double precision NOT NULL,
  metric_count integer NOT NULL,
  valid_names text [] NOT NULL,
  valid_least double precision [] NOT NULL,
  valid_most double precision [] NOT NULL,
  risk_class text NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (asset_id, name, version)
);

-- Findings; every change is a step of their log, which is only added to.
CREATE TABLE bridge_finding (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asset_id text NOT NULL REFERENCES asset,
  rule text NOT NULL,
  key text NOT NULL,
  stage text NOT NULL CHECK (stage IN ('new', 'seen', 'judged', 'closed')),
  opened_at timestamptz NOT NULL,
  stated_at timestamptz NOT NULL,             -- time of the newest statement
  content text NOT NULL
);
CREATE UNIQUE INDEX bridge_finding_open ON bridge_finding (asset_id, rule, key) WHERE stage <> 'closed';
CREATE INDEX bridge_finding_newest ON bridge_finding (asset_id, opened_at DESC, id DESC);
CREATE TABLE bridge_finding_step (
  finding_id bigint NOT NULL REFERENCES bridge_finding,
  step integer NOT NULL,
  at timestamptz NOT NULL,
  stage text NOT NULL,
  person text NOT NULL,                       -- account or role
  reason text NOT NULL,
  content text NOT NULL,                      -- what the rule stated then
  PRIMARY KEY (finding_id, step)
);
