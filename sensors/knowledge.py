"""What an ingester has learned from messages: states of codecs, and streams that wait for a person.

A file of the data folder, so that a restarted ingester still knows births, and `twin inbox` reads
what is proposed.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from twin.model.messages import Proposal
from twin.settings import Settings

logger = logging.getLogger(__name__)

MOST_OPEN = 1000
MOST_REMEMBERED = 5000
BUSY_S = 1.0
STATES = ("open", "accepted", "dismissed")
SCHEMA = """
create table if not exists state (
    source text not null, key text not null, content text not null, primary key (source, key)
) without rowid;
create table if not exists proposal (
    id integer primary key, source text not null, key text not null, name text not null,
    unit text not null, details text not null, origin text not null,
    state text not null default 'open', noted_at text not null, withdrawn_at text,
    unique (source, key)
);
"""
KEEP = "insert into state values (?, ?, ?) on conflict do update set content = excluded.content"
COUNT = "select count(*) from proposal where state = 'open'"
KNOWS = "select 1 from proposal where source = ? and key = ?"
PROPOSE = """
insert into proposal (source, key, name, unit, details, origin, noted_at)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (source, key) do update set name = excluded.name, unit = excluded.unit,
    details = excluded.details, origin = excluded.origin, withdrawn_at = null
where excluded.origin <> '' or proposal.origin = ''
"""
FORGET = "delete from proposal where source = ? and origin = ? and state = 'open'"
WITHDRAW = """
update proposal set withdrawn_at = ? where source = ? and origin = ? and withdrawn_at is null
"""
LIST = """
select id, source, key, name, unit, details, state, noted_at, withdrawn_at from proposal order by id
"""


@dataclass(frozen=True, slots=True)
class News:
    """What the messages of a batch have taught.

    Parameters
    ----------
    states
        By source and key.
    proposals
        By source and key.
    withdrawn
        Source and topic of discovery messages that were taken back.
    """

    states: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    proposals: Mapping[tuple[str, str], Proposal] = field(default_factory=dict)
    withdrawn: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposed stream, and what a person has made of it."""

    id: int
    source: str
    key: str
    name: str
    unit: str
    details: Mapping[str, object]
    state: str
    noted_at: str
    withdrawn_at: str | None


class KnowledgeFile:
    """The file of one ingester; without a disk its states live in the memory alone.

    States are written after the COMMIT of their batch and before it is acknowledged: after a crash
    in between, the broker repeats messages, which codecs with state have to recognise.

    Parameters
    ----------
    file
        SQLite file; its folder is made.
    most_open
        Most proposals that wait; further ones are not kept, known ones are.
    """

    def __init__(self, file: Path, *, most_open: int = MOST_OPEN) -> None:
        self._file = file
        self._most_open = most_open
        self._connection: sqlite3.Connection | None = None
        self._unwritten: dict[tuple[str, str], Mapping[str, object]] = {}
        self._noted: dict[tuple[str, str], Proposal] = {}

    def states(self) -> dict[tuple[str, str], Mapping[str, object]]:
        """States of codecs that an earlier run has left."""
        connection = self._open()
        if connection is None:
            return {}
        try:
            rows = connection.execute("select source, key, content from state").fetchall()
            return {(source, key): json.loads(content) for source, key, content in rows}
        except (sqlite3.Error, ValueError) as error:
            logger.warning("knowledge_unreadable", extra={"reason": str(error)})
            return {}

    def write(self, news: News, *, at: datetime) -> None:
        """Keep what is new, all of it or nothing, synced; what failed is written with the next."""
        self._unwritten |= news.states
        proposals = {key: one for key, one in news.proposals.items() if self._noted.get(key) != one}
        if not (self._unwritten or proposals or news.withdrawn):
            return
        connection = self._open()
        if connection is None:
            return
        try:
            kept = [(*key, _json(state)) for key, state in self._unwritten.items()]
            with connection:
                connection.executemany(KEEP, kept)
                written = self._propose(connection, proposals, at)
                for source, origin in news.withdrawn:
                    connection.execute(FORGET, (source, origin))
                    connection.execute(WITHDRAW, (at.isoformat(), source, origin))
        except (sqlite3.Error, ValueError, TypeError) as error:
            logger.warning("knowledge_not_written", extra={"reason": str(error)})
            return
        self._unwritten.clear()
        if news.withdrawn or len(self._noted) > MOST_REMEMBERED:
            self._noted.clear()
        self._noted |= written

    def proposals(self) -> Sequence[Waiting]:
        """All proposals, the oldest first.

        Raises
        ------
        sqlite3.Error
            If the file cannot be read.
        """
        connection = self._open() if self._file.exists() else None
        if connection is None:
            return ()
        return tuple(
            Waiting(
                id=number,
                source=source,
                key=key,
                name=name,
                unit=unit,
                details=MappingProxyType(json.loads(details)),
                state=state,
                noted_at=noted_at,
                withdrawn_at=withdrawn_at,
            )
            for number, source, key, name, unit, details, state, noted_at, withdrawn_at in (
                connection.execute(LIST)
            )
        )

    def settle(self, proposal_id: int, state: str) -> None:
        """Say what a person has decided: one of `STATES`."""
        connection = self._open()
        if connection is None:
            raise OSError(f"{self._file} cannot be opened")
        with connection:
            connection.execute("update proposal set state = ? where id = ?", (state, proposal_id))

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _propose(
        self,
        connection: sqlite3.Connection,
        proposals: Mapping[tuple[str, str], Proposal],
        at: datetime,
    ) -> dict[tuple[str, str], Proposal]:
        """Write proposals as long as there is room; those that were written."""
        written: dict[tuple[str, str], Proposal] = {}
        room = self._most_open - connection.execute(COUNT).fetchone()[0] if proposals else 0
        for key, one in proposals.items():
            if connection.execute(KNOWS, key).fetchone() is None:
                if room <= 0:
                    continue
                room -= 1
            origin = str(one.details.get("discovery_topic", ""))
            row = (*key, one.name, one.unit, _json(one.details), origin, at.isoformat())
            connection.execute(PROPOSE, row)
            written[key] = one
        return written

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self._file, timeout=BUSY_S, check_same_thread=False)
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = full")
                connection.executescript(SCHEMA)
            except (OSError, sqlite3.Error) as error:
                logger.warning("knowledge_not_opened", extra={"reason": str(error)})
                return None
            self._connection = connection
        return self._connection


def knowledge_file(settings: Settings) -> Path:
    """The file of the ingester with these settings."""
    return settings.data_dir / "learned" / f"codecs-{settings.ingest.instance}.sqlite"


def _json(content: object) -> str:
    given = dict(content) if isinstance(content, Mapping) else content
    return json.dumps(given, allow_nan=False)
