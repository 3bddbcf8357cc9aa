-- The newest heartbeat of every job. Arrays, because JSON knows neither NaN nor Infinity.
CREATE TABLE job_status (
  job text NOT NULL,
  instance text NOT NULL,
  started_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  state text NOT NULL,
  figure_names text [] NOT NULL,
  figure_values double precision [] NOT NULL,
  PRIMARY KEY (job, instance)
) WITH (fillfactor = 50);
