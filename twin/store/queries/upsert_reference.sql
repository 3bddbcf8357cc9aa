INSERT INTO reference (id, title, licence) VALUES (%(id)s, %(title)s, %(licence)s)
ON CONFLICT (id) DO UPDATE SET title = excluded.title, licence = excluded.licence
