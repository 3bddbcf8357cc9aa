SELECT finding_id, at, stage, person, reason, content
FROM bridge_finding_step WHERE finding_id = ANY (%(ids)s) ORDER BY finding_id, step
