UPDATE gap SET attempts = attempts + 1 WHERE id = %(id)s
