INSERT INTO traffic_state (kind, subject, made_at, content)
VALUES (%(kind)s, %(subject)s, %(made_at)s, %(content)s)
ON CONFLICT (kind, subject) DO UPDATE SET made_at = excluded.made_at, content = excluded.content
