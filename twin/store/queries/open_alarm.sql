INSERT INTO alarm (kind, subject, detail, opened_at, seen_at)
VALUES (%(kind)s, %(subject)s, %(detail)s, %(at)s, %(at)s)
ON CONFLICT (kind, subject) WHERE closed_at IS NULL
DO UPDATE SET detail = excluded.detail, seen_at = greatest(alarm.seen_at, excluded.seen_at)
