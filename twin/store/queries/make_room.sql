SELECT twin_make_room(%(series)s, %(day)s)
