SELECT {columns} FROM {table} WHERE {time} >= %(start)s AND {time} < %(end)s ORDER BY {order}
