-- Runs waiting for a worker, and their results. One living run per question.
CREATE TABLE run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scenario json NOT NULL,
  engine text NOT NULL,
  version text NOT NULL,
  input_hash text NOT NULL,
  seed bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  submitted_at timestamptz NOT NULL,
  heartbeat_at timestamptz,
  ended_at timestamptz,
  progress double precision NOT NULL DEFAULT 0,
  message text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX run_question ON run (input_hash) WHERE status IN ('queued', 'running', 'done');
CREATE INDEX run_open ON run (id) WHERE status IN ('queued', 'running');

CREATE TABLE run_result (
  run_id bigint PRIMARY KEY REFERENCES run,
  indicator_names text [] NOT NULL,
  indicator_values double precision [] NOT NULL,
  unit_names text [] NOT NULL,                -- indicators that have a unit
  unit_values text [] NOT NULL,               -- UCUM
  assumptions text [] NOT NULL,
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz
);
