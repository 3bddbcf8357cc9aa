SELECT number, deleted_at, series, privacy_class, t_from, t_to, row_count, rule, made_by, hash
FROM twin_expire_room(%(series)s, %(first)s, %(before)s, %(rule)s, %(made_by)s)
