"""A city of any number of bridges with inventory, statuses and findings, in any store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import psycopg
from shapely.geometry import Point

from twin.model.assets import Asset
from twin.model.bridge import PartStructure, Restriction
from twin.model.bridge_status import AnalysisStatus, BridgeStatus
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.findings import Finding, MonitoringState, Phrase
from twin.model.inspection import Condition, Damage, Inspection
from twin.model.monitoring import AnalysisOutcome
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord
from twin.ports import Store
from twin.store import PostgresStore

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
LIST = Provenance("sourced", by="list of 2024", references=("1",))
QUANTITIES = ("strain", "crack_width", "displacement", "structure_temperature")
WORDS = Phrase("overload", {"gross": 41.0, "spread": 2.0, "limit": 30.0})
PART = InventoryRecord(
    "", "part_structure", "1", PartStructure("0999001", "1", load_index="4"), LIST, part="1"
)
INSPECTION = Inspection("3", end=date(2024, 4, 17), status="5", condition=Condition(3.2, max_s=3))
RECORDS = (
    PART,
    replace(PART, kind="inspection", key="2024-04-17 3", content=INSPECTION),
    replace(PART, kind="damage", key="17", content=Damage("17", "crack", s=3, year=2024)),
    replace(
        PART,
        kind="restriction",
        key="5",
        content=Restriction("5", 16.0, "t", valid_from=date(2024, 5, 1)),
    ),
)


def bridge_city(bridges: int) -> City:
    """Bridges with a few streams each."""
    names = [f"B{number:04}" for number in range(bridges)]
    made = Provenance("estimated", by="made up")
    return City(
        name="Probestadt",
        assets=tuple(Asset(name, "bridge", name, Point(13.7, 51.0), made) for name in names),
        components=(),
        sensors=(Sensor("S1", "logger", "simulated", "simulated"),),
        datastreams=tuple(
            Datastream(f"{name}.{what}", what, name, None, what, "S1", "demo", f"{name}/{what}",
                       "simulated", cadence_s=60.0)
            for name in names
            for what in QUANTITIES
        ),
        references=(),
    )  # fmt: skip


def fill(store: Store, bridges: int, *, findings: int = 3) -> None:
    """Load the city with records, a status and findings of every bridge."""
    city = bridge_city(bridges)
    store.load(city, at=START)
    names = [asset.id for asset in city.assets]
    records = [replace(record, asset_id=name) for name in names for record in RECORDS]
    store.bridges.book.add(records, at=START)
    judging = AnalysisStatus("trend", "1", MonitoringState.NORMAL, START)
    store.bridges.keep(
        AnalysisOutcome(
            states=tuple(BridgeStatus(name, START, (judging,)).record() for name in names),
            findings=tuple(
                Finding(name, "overload", "1", "note", str(key), WORDS, WORDS, at=START)
                for name in names
                for key in range(findings)
            ),
        ),
        at=START,
    )


@dataclass
class Tally:
    """How many queries were sent."""

    queries: int = 0


@contextmanager
def counted(store: PostgresStore) -> Iterator[Tally]:
    """Count what is sent over the connections that the store opens inside the block."""
    tally, connections = Tally(), store._connections
    opened = connections.open

    class CountingCursor(psycopg.Cursor):
        def execute(self, *given: object, **named: object) -> "CountingCursor":
            tally.queries += 1
            return super().execute(*given, **named)  # type: ignore[arg-type]

        def copy(self, *given: object, **named: object):  # type: ignore[override]
            tally.queries += 1
            return super().copy(*given, **named)  # type: ignore[arg-type]

    def open_counting() -> psycopg.Connection:
        connection = opened()
        connection.cursor_factory = CountingCursor
        return connection

    idle: Sequence[psycopg.Connection] = connections._idle
    while idle:
        connections._idle.pop().close()
    connections.open = open_counting  # type: ignore[method-assign]
    try:
        yield tally
    finally:
        connections.open = opened  # type: ignore[method-assign]
