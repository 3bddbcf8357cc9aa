SELECT id FROM bridge_file WHERE sha256 = %(sha256)s
