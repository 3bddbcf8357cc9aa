"""Any order, batching and repeats of the same readings lead to the same city, in every store."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import LEFT, RIGHT, batch, city, source_of
from store_servers import Server

from twin.model.messages import Rejection
from twin.model.observations import Arrivals, Batch, Tally, Waveform
from twin.model.times import to_us, utc_now
from twin.ports import Store
from twin.store import MemoryStore, open_store

NOW_US = to_us(utc_now())
STREAMS = 6
EXAMPLES = 40

Row = tuple[int, int, float]


class Delivery(NamedTuple):
    """Batches of readings and waveforms as they arrive, repeats included."""

    batches: list[tuple[list[Row], list[int]]]


def value_of(number: int, offset: int) -> float:
    return number + offset / 7


def block_of(offset: int) -> Waveform:
    samples = np.arange(offset + 1, dtype=np.float32)
    return Waveform(STREAMS, NOW_US + offset, 10.0, samples)


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """A set of readings in a drawn order, some of them several times, cut into batches."""
    keys = st.tuples(st.integers(1, STREAMS - 1), st.integers(-50, 50))
    distinct = draw(st.lists(keys, max_size=25, unique=True))
    order = draw(
        st.permutations(
            distinct + draw(st.lists(st.sampled_from(distinct), max_size=9)) if distinct else []
        )
    )
    rows = [(number, NOW_US + offset, value_of(number, offset)) for number, offset in order]
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    pieces = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    blocks = draw(
        st.lists(
            st.lists(st.integers(0, 3), max_size=3),
            min_size=len(pieces),
            max_size=len(pieces),
        )
    )
    return Delivery(list(zip(pieces, blocks, strict=True)))


def deliver(store: Store, delivery: Delivery) -> None:
    for rows, offsets in delivery.batches:
        store.record(batch(rows, waveforms=tuple(block_of(offset) for offset in offsets)))


def contents(store: Store) -> object:
    """Everything that must not depend on order, batching and repeats."""
    latest = store.latest()
    series = [
        store.series(number, start_us=0, end_us=2**62, limit=1000) for number in range(1, STREAMS)
    ]
    blocks = store.waveforms(STREAMS, start_us=0, end_us=2**62)
    return (
        [(found.time_us.tolist(), found.value.tolist()) for found in series],
        [(block.t0_us, block.samples.tobytes()) for block in blocks],
        [latest.number.tolist(), latest.time_us.tolist(), latest.value.tolist()],
    )


def expected(delivery: Delivery) -> object:
    """The same, from the definition."""
    rows = sorted({row for piece, _ in delivery.batches for row in piece})
    offsets = sorted({offset for _, piece in delivery.batches for offset in piece})
    newest = {number: (time_us, value) for number, time_us, value in rows}
    if offsets:
        last = max((block_of(offset) for offset in offsets), key=lambda block: block.end_us)
        newest[STREAMS] = (last.end_us, last.rms)
    numbers = sorted(newest)
    return (
        [
            (
                [time_us for key, time_us, _ in rows if key == number],
                [value for key, _, value in rows if key == number],
            )
            for number in range(1, STREAMS)
        ],
        [(NOW_US + offset, block_of(offset).samples.tobytes()) for offset in offsets],
        [numbers, [newest[key][0] for key in numbers], [newest[key][1] for key in numbers]],
    )


def balance(store: Store) -> dict[str, tuple[int, int, int, int]]:
    totals: dict[str, tuple[int, int, int, int]] = {}
    for row in store.balance(since=utc_now()):
        known = totals.get(row.source, (0, 0, 0, 0))
        found = (row.received, row.stored, row.duplicate, row.quarantined)
        totals[row.source] = (
            known[0] + found[0],
            known[1] + found[1],
            known[2] + found[2],
            known[3] + found[3],
        )
    return totals


def expected_balance(delivery: Delivery) -> dict[str, tuple[int, int, int, int]]:
    items = [(source_of(row[0]), row[:2]) for piece, _ in delivery.batches for row in piece]
    items += [
        (source_of(STREAMS), (STREAMS, offset)) for _, piece in delivery.batches for offset in piece
    ]
    sources = {source for source, _ in items}
    return {
        source: (
            sum(1 for name, _ in items if name == source),
            len({key for name, key in items if name == source}),
            sum(1 for name, _ in items if name == source)
            - len({key for name, key in items if name == source}),
            0,
        )
        for source in sources
    }


class Databases:
    """One database, as if it were new for every example."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = open_store(server.wiped_database().dsn())

    def emptied(self) -> Store:
        self._server.wiped_database()
        self._store.load(city(streams=STREAMS), at=utc_now())
        return self._store

    def close(self) -> None:
        self._store.close()


@pytest.fixture(
    params=[
        pytest.param("postgres", marks=pytest.mark.db),
        pytest.param("timescale", marks=pytest.mark.timescale),
    ]
)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    found = Databases(request.getfixturevalue(f"{request.param}_server"))
    yield found
    found.close()


@settings(deadline=None, max_examples=200)
@given(deliveries())
def test_the_store_in_memory_keeps_the_same_set(delivery: Delivery) -> None:
    store = MemoryStore()
    store.load(city(streams=STREAMS), at=utc_now())
    deliver(store, delivery)
    assert contents(store) == expected(delivery)
    assert balance(store) == expected_balance(delivery)


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(delivery=deliveries())
def test_a_database_keeps_the_same_set(databases: Databases, delivery: Delivery) -> None:
    store = databases.emptied()
    deliver(store, delivery)
    assert contents(store) == expected(delivery)
    assert balance(store) == expected_balance(delivery)


VALUES = st.sampled_from([0.0, -0.0, 1.0, 2.0, float("nan"), float("-inf")])
TIMES = st.sampled_from([NOW_US, NOW_US + 1, NOW_US - 10**17])


@st.composite
def mixtures(draw: st.DrawFn) -> list[Batch]:
    """Batches of everything at once, with tallies of what was taken over."""
    numbers = st.integers(0, STREAMS)
    rows = st.lists(st.tuples(numbers, TIMES, VALUES), max_size=8)
    arrived = st.lists(st.tuples(numbers, st.integers(0, 3), TIMES, VALUES), max_size=8)
    blocks = st.lists(st.integers(0, 2), max_size=3)
    lost = st.dictionaries(st.sampled_from([LEFT, RIGHT]), st.integers(0, 3))
    correcting = st.frozensets(st.sampled_from([LEFT, RIGHT]))
    pieces = st.tuples(rows, arrived, blocks, lost, correcting, st.booleans())
    found = []
    for readings, arrivals, offsets, declared, corrects, is_scaled in draw(
        st.lists(pieces, max_size=5)
    ):
        one = batch(
            readings,
            # The same start time with other samples is a conflict.
            waveforms=tuple(
                replace(block_of(offset), samples=block_of(offset).samples * (1 + is_scaled))
                for offset in offsets
            ),
            rejections=(Rejection("not_json", "", LEFT),) if is_scaled else (),
        )
        columns = list(zip(*arrivals, strict=True)) or [(), (), (), ()]
        sources = Counter(source_of(number) if number else "" for number in columns[0])
        sources.update({name: tally.received for name, tally in one.tallies.items() if name})
        # Number 0 is registered nowhere: its rejections have no source.
        wrong = sum(1 for number, _, _ in readings if not number)
        sources.subtract({source_of(0): wrong})
        sources[""] += wrong
        found.append(
            replace(
                one,
                arrivals=Arrivals(
                    np.array(columns[0], np.int32),
                    np.array(columns[1], np.int64),
                    np.array(columns[2], np.int64),
                    np.array(columns[3], np.float64),
                    np.zeros(len(arrivals), np.int16),
                ),
                tallies={name: Tally(received=count) for name, count in sources.items()},
                declared_lost=declared,
                correcting=corrects,
            )
        )
    return found


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=mixtures())
def test_whatever_comes_the_balance_adds_up_and_memory_agrees(
    databases: Databases, batches: list[Batch]
) -> None:
    memory = MemoryStore()
    memory.load(city(streams=STREAMS), at=utc_now())
    database = databases.emptied()
    for one in batches:
        ours, theirs = memory.record(one), database.record(one)
        assert replace(ours, revision=0) == replace(theirs, revision=0)
        for store in (memory, database):
            for row in store.balance(since=utc_now() - timedelta(days=1)):
                assert row.received == (
                    row.stored + row.duplicate + row.quarantined + row.declared_lost
                )
    assert contents(memory) == contents(database)
    assert balance(memory) == balance(database)
    assert memory.quarantine_counts() == database.quarantine_counts()


@st.composite
def contradictions(draw: st.DrawFn) -> list[list[Row]]:
    """Batches in which the same key comes with different and with impossible values."""
    values = st.sampled_from([0.0, -0.0, 1.0, 2.0, float("nan"), float("-inf")])
    rows = st.tuples(st.integers(0, STREAMS), st.sampled_from([NOW_US, NOW_US + 1]), values)
    return draw(st.lists(st.lists(rows, max_size=12), max_size=5))


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=contradictions())
def test_memory_and_database_agree_on_contradictions(
    databases: Databases, batches: list[list[Row]]
) -> None:
    memory = MemoryStore()
    memory.load(city(streams=STREAMS), at=utc_now())
    database = databases.emptied()
    for sequence, rows in zip(count(), batches, strict=False):
        one = batch(rows, sequence=sequence)
        ours, theirs = memory.record(one), database.record(one)
        assert (ours.stored, ours.duplicate, ours.conflict, ours.quarantined) == (
            theirs.stored,
            theirs.duplicate,
            theirs.conflict,
            theirs.quarantined,
        )
    assert contents(memory) == contents(database)
    assert balance(memory) == balance(database)
    assert memory.quarantine_counts() == database.quarantine_counts()
