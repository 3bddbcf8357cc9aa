"""Where a city keeps everything: PostgreSQL with or without TimescaleDB, or memory."""

from twin.model.times import utc_now
from twin.ports import Clock
from twin.store.intake import RETENTION_DAYS
from twin.store.memory import MemoryStore
from twin.store.postgres.migrate import migrate
from twin.store.postgres.store import PostgresStore

__all__ = ["MemoryStore", "PostgresStore", "migrate", "open_store"]


def open_store(
    dsn: str,
    *,
    application: str = "twin",
    clock: Clock = utc_now,
    retention_days: int = RETENTION_DAYS,
    answer_s: float = 0.0,
) -> PostgresStore:
    """Open the store on a database that `migrate` has prepared; connects at the first use."""
    return PostgresStore(
        dsn,
        application=application,
        clock=clock,
        retention_days=retention_days,
        answer_s=answer_s,
    )
