"""The store on PostgreSQL, with or without TimescaleDB."""
