-- What holds for the whole database: one row.
CREATE TABLE meta (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  cluster_id uuid NOT NULL DEFAULT gen_random_uuid(),
  backend text NOT NULL CHECK (backend IN ('native', 'timescale')),
  partition_days smallint NOT NULL CHECK (partition_days IN (1, 7)),
  registry_revision bigint NOT NULL DEFAULT 0
);
