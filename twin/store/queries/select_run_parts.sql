SELECT part, sum(length(content))::bigint FROM run_part WHERE run_id = %(run_id)s GROUP BY part ORDER BY part
