SELECT content FROM traffic_base_part WHERE base_id = %(owner)s AND part = %(part)s ORDER BY piece
