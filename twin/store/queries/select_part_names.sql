SELECT DISTINCT part FROM traffic_base_part WHERE base_id = %(base_id)s
