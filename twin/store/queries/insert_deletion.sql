INSERT INTO deletion (
  number, deleted_at, series, privacy_class, t_from, t_to, row_count, rule, made_by, hash
) VALUES (
  %(number)s, %(deleted_at)s, %(series)s, %(privacy_class)s, %(t_from)s, %(t_to)s, %(row_count)s,
  %(rule)s, %(made_by)s, %(hash)s
)
