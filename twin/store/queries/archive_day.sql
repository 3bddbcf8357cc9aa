SELECT {columns} FROM {table}
WHERE {time} >= %(start)s AND {time} < %(end)s AND {time} <= %(until)s AND ds <= %(newest)s
ORDER BY {order}
