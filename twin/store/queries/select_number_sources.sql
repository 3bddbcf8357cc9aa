SELECT number, source FROM datastream WHERE number = ANY (%(numbers)s)
