SELECT number, deleted_at, series, privacy_class, t_from, t_to, row_count, rule, made_by, hash
FROM twin_expire_rows(
  %(series)s, %(classes)s, %(first)s, %(before)s, %(most)s, %(rule)s, %(made_by)s
)
