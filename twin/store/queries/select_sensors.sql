SELECT id, name, model, provenance FROM sensor ORDER BY id COLLATE "C"
