SELECT rolname FROM pg_roles WHERE rolname = ANY (%(names)s)
