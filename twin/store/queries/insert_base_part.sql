INSERT INTO traffic_base_part (base_id, part, piece, content)
VALUES (%(owner)s, %(part)s, %(piece)s, %(content)b)
