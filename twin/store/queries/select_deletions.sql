SELECT number, deleted_at, series, privacy_class, t_from, t_to, row_count, rule, made_by, hash
FROM deletion ORDER BY number
