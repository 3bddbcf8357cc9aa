INSERT INTO decision (begun_at) VALUES (%(at)s) RETURNING id
