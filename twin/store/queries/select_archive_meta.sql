SELECT backend, registry_revision FROM meta
