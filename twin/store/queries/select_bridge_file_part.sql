SELECT content FROM bridge_file_part WHERE file_id = %(owner)s AND part = %(part)s ORDER BY piece
