SELECT name, t_from, t_to FROM twin_rooms(%(series)s)
