-- Once per connection. Every statement of the worker goes through keys, a bucket at a time; without
-- statistics of temporary tables the planner might read whole partitions instead.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET timezone = 'UTC';
CREATE TEMP TABLE upkeep_plan (
  first timestamptz NOT NULL, before timestamptz NOT NULL, ds integer NOT NULL,
  level smallint NOT NULL, source smallint NOT NULL, agg smallint NOT NULL,
  PRIMARY KEY (ds, level, source)
);
CREATE TEMP TABLE due_bucket (
  b timestamptz NOT NULL, e timestamptz NOT NULL, ds integer NOT NULL,
  source smallint NOT NULL, agg smallint NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE made_bucket (
  b timestamptz NOT NULL, t_last timestamptz NOT NULL, v_sum double precision NOT NULL,
  v_min double precision NOT NULL, v_max double precision NOT NULL,
  v_last double precision NOT NULL, c_sum double precision, s_sum double precision,
  ds integer NOT NULL, n integer NOT NULL, n_bad integer NOT NULL, PRIMARY KEY (ds, b)
) ON COMMIT DELETE ROWS
