SELECT privacy_class, row_count, t_from, t_to
FROM twin_count_rows(%(series)s, %(classes)s, %(first)s, %(before)s)
