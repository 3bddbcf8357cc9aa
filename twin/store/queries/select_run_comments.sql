SELECT id, run_id, at, author, content FROM run_comment WHERE run_id = %(run_id)s ORDER BY id
