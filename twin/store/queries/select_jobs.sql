SELECT job, instance, started_at, heartbeat_at, state, figure_names, figure_values
FROM job_status ORDER BY job COLLATE "C", instance COLLATE "C"
