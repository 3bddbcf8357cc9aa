"""What codecs know, kept in a file of the data folder: a restarted ingester still knows births."""

import json
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sensors.pipeline.memory import State, StateKey
from twin.settings import Settings

logger = logging.getLogger(__name__)

SCHEMA = """
create table if not exists state (
    source text not null, key text not null, content text not null, primary key (source, key)
) without rowid
"""
WRITE = "insert into state values (?, ?, ?) on conflict do update set content = excluded.content"


class KnowledgeFile:
    """States of codecs on disk; without a disk they live in the memory alone.

    They are written after the COMMIT of their batch and before it is acknowledged: after a crash in
    between, the broker repeats messages, which codecs with state have to recognise.

    Parameters
    ----------
    file
        SQLite file; its folder is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def read(self) -> dict[StateKey, State]:
        """States that an earlier run has left."""
        connection = self._open()
        if connection is None:
            return {}
        try:
            rows = connection.execute("select source, key, content from state").fetchall()
            return {(source, key): json.loads(content) for source, key, content in rows}
        except (sqlite3.Error, ValueError) as error:
            logger.warning("codec_states_unreadable", extra={"reason": str(error)})
            return {}

    def write(self, states: Mapping[StateKey, State]) -> None:
        """Keep changed states, all of them or none, synced."""
        connection = self._open() if states else None
        if connection is None:
            return
        try:
            rows = [(*key, json.dumps(state, allow_nan=False)) for key, state in states.items()]
            with connection:
                connection.executemany(WRITE, rows)
        except (sqlite3.Error, ValueError, TypeError) as error:
            logger.warning("codec_states_not_written", extra={"reason": str(error)})

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self._file, check_same_thread=False)
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = full")
                connection.execute(SCHEMA)
            except (OSError, sqlite3.Error) as error:
                logger.warning("codec_states_not_opened", extra={"reason": str(error)})
                return None
            self._connection = connection
        return self._connection


def knowledge_file(settings: Settings) -> Path:
    """The file of the ingester with these settings."""
    return settings.data_dir / "learned" / f"codecs-{settings.ingest.instance}.sqlite"
