SELECT privacy_class, row_count, t_from, t_to
FROM twin_delete_rows(%(series)s, %(classes)s, %(first)s, %(before)s, %(most)s)
