SELECT privacy_class, row_count, t_from, t_to FROM twin_drop_room(%(series)s, %(first)s, %(before)s)
