SELECT coalesce(max({time}), now()) FROM {table} WHERE {time} > now()
