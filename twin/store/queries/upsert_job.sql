INSERT INTO job_status (
  job, instance, started_at, heartbeat_at, state, figure_names, figure_values
) VALUES (
  %(job)s, %(instance)s, %(started_at)s, %(heartbeat_at)s, %(state)s,
  %(figure_names)s::text [], %(figure_values)s::double precision []
)
ON CONFLICT (job, instance) DO UPDATE SET
  started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at, state = excluded.state,
  figure_names = excluded.figure_names, figure_values = excluded.figure_values
