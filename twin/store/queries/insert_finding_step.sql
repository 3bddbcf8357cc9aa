INSERT INTO bridge_finding_step (finding_id, step, at, stage, person, reason, content)
VALUES (%(finding_id)s, %(step)s, %(at)s, %(stage)s, %(person)s, %(reason)s, %(content)s)
