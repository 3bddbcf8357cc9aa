SELECT pg_notify('twin_change', 'latest ' || currval('change_rev'))
