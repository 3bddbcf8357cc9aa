INSERT INTO bridge_file_part (file_id, part, piece, content)
VALUES (%(owner)s, %(part)s, %(piece)s, %(content)s)
