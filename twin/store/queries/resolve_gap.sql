UPDATE gap SET state = %(state)s WHERE id = %(id)s AND state <> 1
