INSERT INTO run_part (run_id, part, piece, content)
VALUES (%(owner)s, %(part)s, %(piece)s, %(content)b)
