SELECT id FROM bridge_finding WHERE id = %(id)s FOR UPDATE
