"""Where a city keeps everything: PostgreSQL with or without TimescaleDB, or memory."""

from twin.store.memory import MemoryStore

__all__ = ["MemoryStore"]
