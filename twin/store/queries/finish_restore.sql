UPDATE meta SET registry_revision = %(revision)s, cluster_id = gen_random_uuid()
