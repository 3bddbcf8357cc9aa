UPDATE meta SET registry_revision = registry_revision + 1 RETURNING registry_revision
