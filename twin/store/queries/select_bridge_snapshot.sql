SELECT content FROM bridge_snapshot WHERE sha256 = %(sha256)s
