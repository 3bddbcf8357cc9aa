SELECT content FROM run_part WHERE run_id = %(owner)s AND part = %(part)s ORDER BY piece
