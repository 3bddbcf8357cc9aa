UPDATE bridge_work_item SET cleared_at = %(at)s WHERE id = ANY (%(ids)s)
