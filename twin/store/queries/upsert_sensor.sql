INSERT INTO sensor (id, name, model, provenance)
VALUES (%(id)s, %(name)s, %(model)s, %(provenance)s)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, model = excluded.model, provenance = excluded.provenance
