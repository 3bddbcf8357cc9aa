SELECT id, stage, opened_at, content FROM bridge_finding WHERE id = %(id)s
