SELECT id, title, licence FROM reference ORDER BY id COLLATE "C"
