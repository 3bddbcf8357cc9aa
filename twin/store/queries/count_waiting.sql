SELECT count(*) FROM (SELECT 1 FROM run WHERE status = 'queued' LIMIT %(most)s) AS waiting
