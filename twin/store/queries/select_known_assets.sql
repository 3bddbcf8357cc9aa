SELECT id FROM asset WHERE id = ANY (%(ids)s)
