-- Which batch of which ingester was committed last, and what became of everything received.
CREATE TABLE ingest_commit (
  incarnation uuid PRIMARY KEY,
  seq bigint NOT NULL,
  at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE ingest_balance (
  day date NOT NULL,                          -- UTC, of the commit
  source text NOT NULL,
  incarnation uuid NOT NULL,
  received bigint NOT NULL,
  stored bigint NOT NULL,
  duplicate bigint NOT NULL,
  quarantined bigint NOT NULL,
  declared_lost bigint NOT NULL DEFAULT 0,
  ignored bigint NOT NULL,
  missing bigint NOT NULL,
  unassigned bigint NOT NULL,
  PRIMARY KEY (day, source, incarnation)
) WITH (fillfactor = 50);
