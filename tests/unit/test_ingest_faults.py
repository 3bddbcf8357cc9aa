"""The ingest loop with a failing store and a failing disk: what is acknowledged is somewhere."""

import errno
import os
import tempfile
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from disk_model import MemoryDisk
from faults.rig import small_city, write_city
from hypothesis import given, settings
from hypothesis import strategies as st
from inbox import NOW, AtOnce, Deliveries

from sensors.ingest.buffering import Buffer
from sensors.ingest.loop import Ingester
from sensors.policies import installed_codecs, time_policy
from sensors.spool import Spool
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.observations import Batch, RecordResult
from twin.model.times import to_us, utc_now
from twin.settings import BrokerSettings
from twin.store.memory import MemoryStore

ROOM_BYTES = 10**6
FOLDER = Path("spool")


class UnsteadyStore(MemoryStore):
    """Goes away on order, also in the middle of a COMMIT."""

    is_away = False
    is_commit_lost = False

    def record(self, batch: Batch) -> RecordResult:
        if self.is_away:
            raise StoreUnavailableError("gone")
        result = super().record(batch)
        if self.is_commit_lost:
            self.is_commit_lost = False
            self.is_away = True
            raise StoreUnavailableError("lost during the COMMIT")
        return result

    def version(self) -> str:
        if self.is_away:
            raise StoreUnavailableError("gone")
        return super().version()


class Trial:
    """Loop, store, spool on a disk in memory, and a broker that delivers again."""

    def __init__(self, folder: Path) -> None:
        broker = BrokerSettings(host="127.0.0.1", port=1883, use_tls=False)
        self.settings = write_city(folder, dsn="none", broker=broker)
        self.store = UnsteadyStore()
        self.twin = Twin(self.store, clock=utc_now)
        self.twin.load(small_city(1))
        numbers = {one.route_key: one.number or 0 for one in self.twin.datastreams()}
        self.number = numbers["B1/s000"]
        self.inbox = Deliveries()
        self.sent = list(self.inbox.waiting)
        self.disk = MemoryDisk(capacity=ROOM_BYTES)
        self.refused_syncs = 0
        self.begin()

    def begin(self) -> None:
        """Start the loop on what the disk holds."""
        self.disk.fault = self._fault
        self.spool = self.open_spool(self.disk)
        self.ingester = Ingester(
            self.twin,
            self.inbox,
            settings=self.settings,
            codecs=installed_codecs(self.settings),
            policy=time_policy(self.settings),
            buffer=Buffer(self.spool),
            aside=AtOnce(),
        )

    def open_spool(self, disk: MemoryDisk) -> Spool:
        return Spool(FOLDER, max_bytes=ROOM_BYTES, min_free_bytes=0, segment_bytes=2000, disk=disk)

    def _fault(self, call: str, _number: int) -> None:
        if call == "fsync" and self.refused_syncs:
            self.refused_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    # What may happen

    def put(self, count: int) -> None:
        for _ in range(count):
            value = len(self.sent) / 4
            at = NOW - timedelta(seconds=3000) + timedelta(milliseconds=len(self.sent))
            self.inbox.put({"t": at.isoformat(), "v": value}, received_us=to_us(utc_now()))
            self.sent.append(self.inbox.waiting[-1])

    def step(self, count: int) -> None:
        for _ in range(count):
            self.ingester._contact._next_s = 0.0
            self.ingester._due._next_s.clear()
            self.ingester.step(threading.Event(), timeout_s=0.0)

    def leave(self, _count: int) -> None:
        self.store.is_away = True

    def come_back(self, _count: int) -> None:
        self.store.is_away = False

    def lose_commit(self, _count: int) -> None:
        self.store.is_commit_lost = True

    def refuse_syncs(self, count: int) -> None:
        self.refused_syncs = count

    def fill_disk(self, _count: int) -> None:
        self.disk.capacity = self.disk.used_bytes

    def empty_disk(self, _count: int) -> None:
        self.disk.capacity = ROOM_BYTES

    def crash(self, count: int) -> None:
        """Power cut; the broker delivers again what was not acknowledged."""
        disk = self.disk.after_power_cut(lambda size: size * count // 20)
        disk.capacity = self.disk.capacity
        self.disk = disk
        acked = {one.payload for one in self.inbox.acked}
        self.inbox.connection += 1
        self.inbox.waiting = [one for one in self.sent if one.payload not in acked]
        self.begin()

    # What must hold

    def stored(self) -> Mapping[int, float]:
        series = self.store.series(
            self.number,
            start_us=to_us(NOW - timedelta(hours=2)),
            end_us=to_us(NOW + timedelta(hours=1)),
            limit=100_000,
        )
        return dict(zip(series.time_us.tolist(), series.value.tolist(), strict=True))

    def check(self) -> None:
        """Everything acknowledged is stored, or comes out of the spool after a power cut."""
        disk = self.disk.after_power_cut(lambda _: 0)
        spool = self.open_spool(disk)
        block = spool.read()
        kept = {record.payload for record in block.records}
        acked = {one.payload for one in self.inbox.acked} - kept
        values = set(self.stored().values())
        assert not block.losses
        assert {
            number / 4 for number, one in enumerate(self.sent) if one.payload in acked
        } <= values

    def heal(self) -> None:
        self.refused_syncs = 0
        self.come_back(0)
        self.store.is_commit_lost = False
        self.empty_disk(0)
        self.step(30)


happenings = st.tuples(
    st.sampled_from(
        [
            "put", "put", "step", "step", "leave", "come_back", "lose_commit", "refuse_syncs",
            "fill_disk", "empty_disk", "crash",
        ]
    ),
    st.integers(1, 12),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(script=st.lists(happenings, min_size=4, max_size=25))
def test_what_was_acknowledged_is_stored_or_spooled_whatever_fails(
    script: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        trial.step(1)  # live
        for happening, count in script:
            getattr(trial, happening)(count)
            trial.check()
        trial.heal()
        assert sorted(trial.stored().values()) == [n / 4 for n in range(len(trial.sent))]
        assert trial.spool.is_empty
        assert trial.ingester._ledger.in_spool == 0
        assert trial.ingester._ledger.differences({}) == {}
        assert {one.payload for one in trial.inbox.acked} == {one.payload for one in trial.sent}
        for row in trial.twin.balance():
            accounted = row.stored + row.duplicate + row.quarantined + row.declared_lost
            assert row.received == accounted


def test_a_batch_in_doubt_and_a_refused_sync_do_not_stop_the_draining(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.put(2)
    trial.lose_commit(1)
    trial.step(1)  # stored, but nobody knows
    trial.step(1)  # into the spool, synced
    trial.put(2)
    trial.refuse_syncs(1000)
    trial.step(2)
    trial.come_back(0)  # the disk does not
    trial.step(10)
    assert sorted(trial.stored().values()) == [0.0, 0.25, 0.5, 0.75]
    assert trial.spool.is_empty


def test_nothing_is_acknowledged_while_its_commit_fails(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.step(1)
    trial.put(3)
    trial.leave(0)
    trial.step(1)
    assert not trial.inbox.acked
    trial.step(2)
    trial.check()
    assert len(trial.inbox.acked) == 3
    assert trial.spool.messages == 3


def test_what_a_dying_disk_did_not_sync_is_not_acknowledged(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.step(1)
    trial.leave(0)
    trial.put(2)
    trial.step(2)  # spooled and synced
    buffer = trial.ingester._buffer
    trial.put(1)
    assert buffer.take(trial.inbox.poll(max_messages=1, max_bytes=1, timeout_s=0.0), ["demo"])

    def dying(call: str, _number: int) -> None:
        if call in {"read", "fsync"}:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    trial.disk.fault = dying
    drained = buffer.next(10, most_bytes=1000)
    assert buffer.sync() is None
    assert drained is not None
    assert drained.lost == {"unrouted": 2}  # read twice in vain
    assert [one.payload for one in buffer.take_back()] == [trial.sent[-1].payload]


class Waits(threading.Event):
    """Tells how long the loop wanted to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


def test_paused_with_a_spool_that_cannot_be_read_it_waits(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.step(1)
    trial.leave(0)
    trial.put(1)
    trial.step(2)
    trial.fill_disk(0)
    trial.put(1)
    trial.step(1)
    assert trial.ingester.state == "paused"
    trial.come_back(0)

    def no_more_files(call: str, _number: int) -> None:
        if call in {"open", "read"}:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    trial.disk.fault = no_more_files
    trial.ingester._contact._next_s = 0.0
    waits = Waits()
    for _ in range(3):
        trial.ingester.step(waits, timeout_s=0.3)
    assert trial.ingester._contact.is_ready
    assert waits.seconds == [0.3, 0.3, 0.3]
    trial.disk.fault = trial._fault
    trial.heal()
    assert sorted(trial.stored().values()) == [0.0, 0.25]
