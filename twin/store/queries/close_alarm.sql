UPDATE alarm SET closed_at = greatest(%(at)s, opened_at)
WHERE kind = %(kind)s AND subject = %(subject)s AND closed_at IS NULL
