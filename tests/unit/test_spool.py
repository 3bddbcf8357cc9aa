"""The disk spool: what is written comes back, damage costs what is damaged, faults cost nothing."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import pytest
from disk_model import MemoryDisk, PowerCut
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.spool import Disk, Record, Spool, SpoolError, SpoolFullError
from sensors.spool.records import pack_records, unpack_records
from twin.errors import AlreadyRunningError
from twin.model.times import to_us

MIDNIGHT_US = to_us(datetime(2026, 11, 22, tzinfo=UTC))
FOLDER = Path("spool")
SMALL_SEGMENT = 400
RECORD_BYTES = 35  # of one with a number below ten


def record(number: int, *, size: int = 10) -> Record:
    return Record(b"a/b", b"%d " % number + b"x" * size, MIDNIGHT_US + number)


def some(begin: int, count: int) -> list[Record]:
    return [record(number) for number in range(begin, begin + count)]


def opened(disk: Disk, *, max_bytes: int = 10**6, min_free_bytes: int = 0) -> Spool:
    return Spool(
        FOLDER,
        max_bytes=max_bytes,
        min_free_bytes=min_free_bytes,
        segment_bytes=SMALL_SEGMENT,
        now_us=lambda: MIDNIGHT_US,
        disk=disk,
    )


def put(spool: Spool, records: list[Record]) -> None:
    spool.append(records)
    spool.sync()


def drain(spool: Spool, *, most_messages: int = 7) -> tuple[list[Record], int]:
    """All records and the declared losses."""
    records: list[Record] = []
    lost = 0
    while True:
        block = spool.read(most_messages)
        if not block.records and not block.losses:
            return records, lost
        records += block.records
        lost += sum(block.declared_lost.values())
        spool.commit(block.cursor)


def on_call(name: str, times: set[int], number: int) -> Callable[[str, int], None]:
    """A fault that raises ``errno`` at the n-th calls of one name, counted from 1."""
    seen = 0

    def fault(call: str, _number: int) -> None:
        nonlocal seen
        seen += call == name
        if call == name and seen in times:
            raise OSError(number, os.strerror(number))

    return fault


def test_a_record_has_the_bytes_of_the_specification() -> None:
    one = Record(b"a/b", b'{"v":1}', MIDNIGHT_US, source="s1")
    truth = "00000018 0fcf7d06 00 000660d2288d2000 02 7331 0003 612f62 7b2276223a317d"
    assert pack_records([one]) == bytes.fromhex(truth)
    assert unpack_records(bytes.fromhex(truth)).records == [one]


def test_records_come_back_in_their_order_with_all_their_fields(tmp_path: Path) -> None:
    records = [
        Record(b"", b"", 0),
        Record(b"\xff\x00", b"\x00" * 50_000, -1, is_retained=True),
        Record(b"t" * 65_535, b"1", 2**62, is_repeat=True, source="Straßenamt"),
    ]
    with Spool(tmp_path / "1", max_bytes=10**9, min_free_bytes=0) as spool:
        put(spool, records)
        assert spool.messages == 3
    with Spool(tmp_path / "1", max_bytes=10**9, min_free_bytes=0) as spool:
        assert spool.messages == 3
        assert list(spool.read(most_bytes=100).records) == records[:1]
        assert list(spool.read().records) == records


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        Spool(tmp_path, max_bytes=10**6, min_free_bytes=0),
        pytest.raises(AlreadyRunningError, match="another process"),
    ):
        Spool(tmp_path, max_bytes=10**6, min_free_bytes=0)
    Spool(tmp_path, max_bytes=10**6, min_free_bytes=0).close()


def test_reading_without_commit_repeats_and_after_commit_goes_on() -> None:
    spool = opened(MemoryDisk())
    put(spool, some(0, 30))
    first = spool.read(10)
    assert spool.read(10) == first
    second = spool.read(10, after=first.cursor)
    assert list(second.records) == some(10, 10)
    spool.commit(second.cursor)
    assert list(spool.read(10).records) == some(20, 10)
    spool.commit(first.cursor)  # an older place changes nothing
    assert list(spool.read(10).records) == some(20, 10)


def test_unsynced_records_are_not_read() -> None:
    spool = opened(MemoryDisk())
    put(spool, some(0, 2))
    spool.append(some(2, 2))
    assert list(spool.read().records) == some(0, 2)
    assert spool.messages == 4


def test_a_drained_spool_leaves_no_segment_and_numbers_go_on() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    for round_number in range(5):
        put(spool, some(round_number * 50, 50))
        assert drain(spool) == (some(round_number * 50, 50), 0)
        assert spool.is_empty
        assert spool.size_bytes == 0
        assert set(disk.files) == {"lock", "cursor"}


def test_new_messages_queue_behind_the_old_ones_while_draining() -> None:
    spool = opened(MemoryDisk())
    put(spool, some(0, 20))
    block = spool.read(15)
    put(spool, some(20, 20))
    spool.commit(block.cursor)
    assert drain(spool) == (some(15, 25), 0)


def test_a_crash_between_two_commits_repeats_the_records_that_were_read() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 30))
    spool.commit(spool.read(10).cursor)
    spool.read(10)
    assert drain(opened(disk.after_kill())) == (some(10, 20), 0)


def test_group_sync_is_due_by_messages_bytes_or_time() -> None:
    clock = [MIDNIGHT_US]
    spool = Spool(
        FOLDER, max_bytes=10**9, min_free_bytes=0, now_us=lambda: clock[0], disk=MemoryDisk()
    )
    assert not spool.is_sync_due
    spool.append(some(0, 1))
    assert not spool.is_sync_due
    clock[0] += 100_000
    assert spool.is_sync_due
    spool.sync()
    assert not spool.is_sync_due
    spool.append(some(0, 1000))
    assert spool.is_sync_due
    spool.sync()
    spool.append([record(0, size=4 * 1024 * 1024)])
    assert spool.is_sync_due


def test_bytes_and_free_space_are_bounds_and_an_alarm_comes_before() -> None:
    disk = MemoryDisk(capacity=10_000)
    spool = opened(disk, max_bytes=1000)
    put(spool, some(0, 20))
    assert not spool.is_high
    put(spool, some(20, 5))
    assert spool.is_high
    with pytest.raises(SpoolFullError, match="may hold 1000"):
        spool.append(some(25, 20))
    assert spool.is_full
    assert not spool.probe()
    assert drain(spool) == (some(0, 25), 0)
    assert not spool.is_full
    assert spool.probe()
    scarce = opened(MemoryDisk(capacity=2000), min_free_bytes=1900)
    with pytest.raises(SpoolFullError, match="1900 must stay free"):
        scarce.append(some(0, 20))


def test_a_refused_append_stays_refused_while_an_earlier_group_is_synced() -> None:
    spool = opened(MemoryDisk(capacity=10_000), max_bytes=1000)
    put(spool, some(0, 10))
    spool.append(some(10, 5))
    with pytest.raises(SpoolFullError):
        spool.append(some(15, 30))
    assert spool.is_full
    spool.sync()
    assert spool.is_full
    put(spool, some(15, 1))  # it takes messages again
    assert not spool.is_full


def test_a_full_disk_takes_whole_batches_or_none_and_goes_on_when_there_is_room() -> None:
    disk = MemoryDisk(capacity=1500, claimed_free=10**9)
    spool = opened(disk)
    put(spool, some(0, 20))
    before = disk.used_bytes
    with pytest.raises(SpoolFullError, match="free disk space"):
        spool.append(some(20, 100))
    assert disk.used_bytes < before + 40  # the header of an empty segment, at most
    assert list(spool.read().records) == some(0, 20)
    disk.capacity = 10**6
    put(spool, some(20, 100))
    assert drain(spool) == (some(0, 120), 0)


def test_a_full_disk_that_cannot_even_keep_the_cursor_is_drained_all_the_same() -> None:
    disk = MemoryDisk(capacity=10**6)
    spool = opened(disk)
    put(spool, some(0, 60))
    disk.capacity = disk.used_bytes
    assert drain(spool) == (some(0, 60), 0)
    assert spool.is_empty
    put(spool, some(60, 5))
    assert drain(opened(disk.after_kill())) == (some(60, 5), 0)


def test_a_spool_on_a_full_disk_is_opened_and_drained_after_a_restart() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 25))
    spool.append(some(25, 5))
    disk = disk.after_kill()
    disk.capacity = disk.used_bytes
    disk.claimed_free = 10**9
    assert drain(opened(disk)) == (some(0, 30), 0)


def test_damage_on_a_real_disk_is_counted_and_its_file_is_kept(tmp_path: Path) -> None:
    with Spool(tmp_path, max_bytes=10**6, min_free_bytes=0) as spool:
        put(spool, some(0, 10))
    (file,) = tmp_path.glob("*.seg")
    content = bytearray(file.read_bytes())
    content[16 + 6 * RECORD_BYTES + 20] ^= 1
    file.write_bytes(content)
    with Spool(tmp_path, max_bytes=10**6, min_free_bytes=0) as spool:
        assert drain(spool) == (some(0, 6), 4)
        assert spool.size_bytes == len(content)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", "", ".corrupt"]
    assert next(tmp_path.glob("*.corrupt")).read_bytes() == content


def test_a_failed_sync_is_repeated_in_a_new_segment_and_never_believed_again() -> None:
    disk = MemoryDisk(fault=on_call("fsync", {2}, errno.EIO))
    spool = opened(disk)
    put(spool, some(0, 3))
    put(spool, some(3, 3))  # its fsync fails once
    put(spool, some(6, 3))
    assert spool.report.sync_failures == 1
    assert drain(opened(disk.after_power_cut(lambda _: 0))) == (some(0, 9), 0)


def test_after_two_failed_syncs_nothing_is_taken_and_a_later_attempt_works() -> None:
    disk = MemoryDisk(fault=on_call("fsync", {2, 3}, errno.EIO))
    spool = opened(disk)
    put(spool, some(0, 3))
    spool.append(some(3, 3))
    with pytest.raises(SpoolFullError):
        spool.sync()
    assert spool.is_full
    spool.sync()  # nothing is waiting
    assert spool.probe()
    put(spool, some(3, 3))
    assert drain(opened(disk.after_power_cut(lambda _: 0))) == (some(0, 6), 0)


def test_a_torn_tail_is_cut_and_what_follows_goes_into_a_new_segment() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 5))
    spool.append(some(5, 5))
    again = disk.after_power_cut(lambda count: count // 2)
    spool = opened(again)
    assert 0 < spool.report.torn_bytes < 300
    put(spool, some(10, 2))
    records, lost = drain(spool)
    assert (records[:5], records[-2:], lost) == (some(0, 5), some(10, 2), 0)
    assert set(records) <= set(some(0, 12))


def flip(disk: MemoryDisk, name: str, position: int) -> None:
    disk.files[name].content[position] ^= 0x40


def test_damage_in_the_middle_costs_the_rest_of_its_segment_and_is_counted_exactly() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    for begin in range(0, 40, 5):
        put(spool, some(begin, 5))
    names = sorted(name for name in disk.files if name.endswith(".seg"))
    assert len(names) == 3
    spool.close()
    found = opened(MemoryDisk(files=disk.files))
    flip(disk, names[0], 16 + 5 * RECORD_BYTES + 20)
    block = found.read()
    lost = sum(block.declared_lost.values())
    assert len(block.records) + lost == 40
    assert set(block.records) <= set(some(0, 40))
    (loss,) = block.losses
    assert not loss.is_estimate
    found.commit(block.cursor)
    assert found.report.losses == (loss,)
    assert f"{lost} messages lost" in found.report.notes[0]
    kept = [name for name in disk.files if name.endswith(".corrupt")]
    assert kept == [f"{names[0][:20]}.{loss.offset}.corrupt"]
    assert found.size_bytes == len(disk.files[kept[0]].content)
    found.close()
    assert drain(opened(MemoryDisk(files=disk.files))) == ([], 0)


def test_damage_in_the_segment_that_is_being_written_is_counted_and_writing_goes_on() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 8))
    spool.append(some(8, 2))
    flip(disk, "00000000000000000001.seg", 16 + 3 * RECORD_BYTES + 12)
    block = spool.read()
    assert list(block.records) == some(0, 3)
    assert block.declared_lost == {"": 5}
    spool.commit(block.cursor)
    assert spool.messages == 2  # not synced yet: they wait in memory
    put(spool, some(10, 3))
    assert drain(spool) == (some(8, 5), 0)


def test_damage_of_a_segment_that_was_not_sealed_is_an_estimate() -> None:
    disk = MemoryDisk()
    put(opened(disk), some(0, 10))
    disk = disk.after_kill()
    flip(disk, "00000000000000000001.seg", 16 + 4 * RECORD_BYTES + 12)
    records, lost = drain(spool := opened(disk))
    assert (len(records), spool.report.losses[0].is_estimate) == (4, True)
    assert lost in range(4, 9)


def test_a_damaged_cursor_or_header_loses_nothing() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 10))
    spool.commit(spool.read(4).cursor)
    spool.close()
    flip(disk, "cursor", 3)
    flip(disk, "00000000000000000001.seg", 1)
    spool = opened(MemoryDisk(files=disk.files))
    assert "cursor" in spool.report.notes[0]
    assert drain(spool) == (some(0, 10), 0)


def test_a_file_that_cannot_be_read_once_is_read_again() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    put(spool, some(0, 10))
    disk.fault = on_call("read", {1}, errno.EIO)
    assert list(spool.read().records) == some(0, 10)
    disk.fault = on_call("read", {1, 2}, errno.EIO)
    assert sum(spool.read().declared_lost.values()) == 10


@st.composite
def harm(draw: st.DrawFn) -> Callable[[bytearray], None]:
    kind = draw(st.sampled_from(["cut", "flip", "zero", "insert"]))
    where = draw(st.floats(0, 1, exclude_max=True))
    value = draw(st.integers(1, 255))

    def apply(content: bytearray) -> None:
        at = int(where * len(content))
        if kind == "cut":
            del content[at:]
        elif kind == "flip" and content:
            content[at] ^= value
        elif kind == "zero":
            content[at : at + value] = bytes(len(content[at : at + value]))
        elif kind == "insert":
            content[at:at] = bytes([value]) * (value % 7)

    return apply


payloads = st.binary(max_size=60)


@settings(max_examples=300, deadline=None)
@given(
    batches=st.lists(st.lists(payloads, min_size=1, max_size=12), min_size=1, max_size=8),
    harms=st.lists(st.tuples(st.integers(0, 20), harm()), min_size=1, max_size=3),
    is_closed=st.booleans(),
)
def test_whatever_is_damaged_only_records_that_were_written_come_back(
    batches: list[list[bytes]],
    harms: list[tuple[int, Callable[[bytearray], None]]],
    is_closed: bool,  # noqa: FBT001 - a parameter of the property
) -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    written: list[Record] = []
    for batch in batches:
        records = [Record(b"t", load, len(written) + row) for row, load in enumerate(batch)]
        put(spool, records)
        written += records
    if is_closed:
        spool.close()
    disk = disk.after_kill()
    names = sorted(name for name in disk.files if name != "lock")
    length = len(disk.files[names[-1]].content)
    for which, apply in harms:
        apply(disk.files[names[which % len(names)]].content)
    is_shortened = len(disk.files[names[-1]].content) < length
    spool = opened(disk)
    records, lost = drain(spool, most_messages=5)
    assert set(records) <= set(written)
    assert len(records) == len(set(records))
    put(spool, some(0, 3))
    assert drain(spool) == (some(0, 3), 0)
    # a last segment that ends early at a whole record looks like one that was never longer
    if is_closed and not is_shortened and len(records) < len(written):
        report = spool.report
        assert lost or report.torn_bytes or report.notes


def test_every_single_flip_of_a_sealed_segment_costs_an_exactly_known_number() -> None:
    disk = MemoryDisk()
    spool = opened(disk)
    for begin in range(0, 30, 3):
        put(spool, some(begin, 3))
    spool.close()
    first, *_ = sorted(name for name in disk.files if name.endswith(".seg"))
    for position in range(16, len(disk.files[first].content)):
        trial = disk.after_kill()
        trial.files = {
            name: type(file)(bytearray(file.content), file.durable)
            for name, file in disk.files.items()
        }
        flip(trial, first, position)
        records, lost = drain(opened(trial))
        assert len(records) + lost == 30, position
        assert set(records) <= set(some(0, 30))


steps = st.lists(
    st.tuples(st.sampled_from(["append", "sync", "drain", "probe", "reopen"]), st.integers(1, 20)),
    max_size=30,
)
WRITING_CALLS = ("create", "write", "truncate", "fsync", "fsync_folder", "rename", "remove")


class Ingester:
    """Uses a spool as the ingest loop does, and remembers what it acknowledged and stored."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self.count = 0
        self.waiting: list[Record] = []
        self.acked: set[Record] = set()
        self.stored: set[Record] = set()
        self.spool = opened(disk)

    def append(self, size: int) -> None:
        batch = some(self.count, size)
        self.count += size
        with suppress(SpoolFullError):
            self.spool.append(batch)
            self.waiting += batch

    def sync(self, _size: int) -> None:
        done, self.waiting = self.waiting, []
        with suppress(SpoolFullError):
            self.spool.sync()
            self.acked |= set(done)

    def drain(self, size: int) -> None:
        block = self.spool.read(size)
        assert not block.losses
        self.stored |= set(block.records)
        self.spool.commit(block.cursor)

    def probe(self, _size: int) -> None:
        self.spool.probe()

    def reopen(self, _size: int) -> None:
        self.spool.close()
        self.disk.is_locked = False
        self.waiting = []
        self.spool = opened(self.disk)


@settings(max_examples=400, deadline=None)
@given(
    script=steps,
    faults=st.dictionaries(
        st.integers(4, 150), st.sampled_from([errno.EIO, errno.ENOSPC]), max_size=6
    ),
    cut_at=st.integers(4, 200),
    kept=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    is_power_cut=st.booleans(),
)
def test_a_crash_at_any_call_loses_nothing_that_was_synced(
    script: list[tuple[str, int]],
    faults: dict[int, int],
    cut_at: int,
    kept: list[float],
    is_power_cut: bool,  # noqa: FBT001 - a parameter of the property
) -> None:
    def fault(call: str, number: int) -> None:
        if number == cut_at:
            raise PowerCut
        if number in faults and call in WRITING_CALLS:
            raise OSError(faults[number], os.strerror(faults[number]))

    disk = MemoryDisk(fault=fault)
    ingester = Ingester(disk)
    with suppress(PowerCut, SpoolError):
        for step, size in script:
            getattr(ingester, step)(size)
    shares = cycle(kept)
    if is_power_cut:
        after = disk.after_power_cut(lambda size: int(size * next(shares)))
    else:
        after = disk.after_kill()
    records, lost = drain(opened(after))
    assert ingester.acked <= ingester.stored | set(records)
    assert lost == 0
    assert set(records) <= set(some(0, ingester.count))
