"""What the ingester keeps an eye on: which alarms it opens, how long, and what a restart closes."""

from pathlib import Path

from disk_model import MemoryDisk
from inbox import AtOnce

from sensors.broker.observer import BrokerHealth
from sensors.ingest.alarms import Alarms
from sensors.ingest.buffering import Buffer
from sensors.ingest.observing import KINDS_ABOUT_SOURCES, OWN_KINDS, Observer
from sensors.spool import Record, Spool
from twin.city import Twin
from twin.model.times import utc_now
from twin.store.memory import MemoryStore


def opened(disk: MemoryDisk) -> Spool:
    return Spool(Path("spool"), max_bytes=10**6, min_free_bytes=0, segment_bytes=400, disk=disk)


def damaged_spool() -> Spool:
    """Two segments with a flipped byte each."""
    disk = MemoryDisk()
    with opened(disk) as spool:
        for number in range(2):
            spool.append([Record(b"t", b"x" * 500, number)])
            spool.sync()
    for file in [file for name, file in disk.files.items() if name.endswith(".seg")]:
        file.content[100] ^= 1
    return opened(MemoryDisk(files=disk.files))


def test_damage_of_the_spool_is_shown_for_a_day_once() -> None:
    now_s = [0.0]
    twin = Twin(MemoryStore(), clock=utc_now)
    alarms = Alarms(twin, AtOnce(), clock=lambda: now_s[0])
    observer = Observer(alarms, name="me")
    spool = damaged_spool()
    buffer = Buffer(spool)
    first = spool.read(1, most_bytes=1)
    for hour, is_open in ((0, True), (23, True), (25, False), (48, False)):
        now_s[0] = hour * 3600.0
        observer.look_at_spool(buffer)
        assert (("spool_corrupt", "me") in alarms.open) is is_open
    assert len(first.losses) == len(spool.report.losses)


def test_a_restart_closes_what_the_run_before_has_left_open() -> None:
    twin = Twin(MemoryStore(), clock=utc_now)
    before = Alarms(twin, AtOnce())
    observer = Observer(before, name="me")
    spool = damaged_spool()
    spool.read()
    observer.look_at_spool(Buffer(spool))
    observer.look_at_health(BrokerHealth(dropped=5))
    before.tell()
    assert {alarm.kind for alarm in twin.alarms()} == {"spool_corrupt", "broker_dropped"}
    after = Alarms(twin, AtOnce())
    after.close_left("me", OWN_KINDS, always=KINDS_ABOUT_SOURCES)
    after.tell()
    assert twin.alarms() == ()
