SELECT pg_notify('twin_change', %(topic)s)
