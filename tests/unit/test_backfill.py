"""Back-fill: when a hook is asked, what becomes of its answers, and when a gap is lost."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point

from sensors.recovery.backfill import DELAYS, Backfiller
from sensors.recovery.csvfolder import CsvFolder
from sensors.rules.quality import TimePolicy, Treatment
from twin.city import Twin
from twin.model.assets import Asset
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.gaps import Gap
from twin.model.messages import Observation
from twin.model.observations import Batch, Readings, Tally
from twin.model.provenance import Provenance
from twin.model.quality import Quality
from twin.model.times import to_us
from twin.store import MemoryStore

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = TimePolicy(
    5 * MINUTE, timedelta(days=100), treatments={"s": Treatment(quarantines_late=True)}
)


def stream(row: int) -> Datastream:
    return Datastream(
        uid=f"B.{row}", name="", asset_id="B", component_id=None, quantity="strain",
        sensor_id="x", source="s", route_key=f"B/{row}#/v", provenance="measured", cadence_s=60.0,
    )  # fmt: skip


class Bench:
    """A twin whose clock is moved by hand, with one gap of ten missing minutes."""

    def __init__(self) -> None:
        self.now = START
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731
        self.twin = Twin(MemoryStore(clock=clock), clock=clock)
        estimated = Provenance("estimated", by="t")
        self.twin.load(
            City(
                name="t",
                assets=(Asset("B", "bridge", "B", Point(13, 51), estimated),),
                sensors=(Sensor("x", "x", "m", "measured"),),
                datastreams=(stream(0), stream(1)),
            )
        )
        self.number = self.twin.datastream("B.0").number or 0

    def note(self, **changes: object) -> None:
        self.now = START + 11 * MINUTE
        facts: dict[str, object] = {
            "source": "s", "key": "B/0#/v", "cause": "cadence", "start": START, "end": self.now,
            "number": self.number, "missing": 10, "is_estimated": True, **changes,
        }  # fmt: skip
        self.twin.note_gaps([Gap(**facts)])  # pyrefly: ignore[bad-argument-type]

    @property
    def gap(self) -> Gap:
        return self.twin.gaps(only_open=False)[0]

    def worker(self, hook: object | None = None) -> Backfiller:
        hooks = {} if hook is None else {"s": hook}
        return Backfiller(self.twin, hooks, policy=POLICY)  # pyrefly: ignore[bad-argument-type]


def value(minute: float, *, key: str = "B/0", number: float = 1.0) -> Observation:
    return Observation(key, "/v", START + minute * MINUTE, number)


class Hook:
    """Answers with what it was told, and remembers when it was asked."""

    def __init__(self, *answers: Sequence[Observation] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[str], datetime, datetime]] = []

    def fetch(
        self, streams: Sequence[Datastream], start: datetime, end: datetime
    ) -> Iterable[Observation]:
        self.asked.append(([one.uid for one in streams], start, end))
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_hook_is_asked_five_times_and_then_the_gap_is_lost_with_an_alarm() -> None:
    bench, hook = Bench(), Hook()
    bench.note()
    worker, ended = bench.worker(hook), bench.now
    for count, delay in enumerate(DELAYS):
        bench.now = ended + delay - timedelta(seconds=1)
        worker.run_due()
        assert len(hook.asked) == count
        bench.now = ended + delay
        worker.run_due()
        worker.run_due()
        assert len(hook.asked) == count + 1
    assert hook.asked[0] == (["B.0"], START, START + 11 * MINUTE)
    assert (bench.gap.state, bench.gap.attempts) == ("lost", 5)
    (alarm,) = bench.twin.alarms()
    assert (alarm.kind, alarm.subject) == ("gap_lost", "s")
    assert "about 10 values of B/0#/v since 2026-11-20 12:00 UTC" in alarm.detail
    bench.now += timedelta(days=8)
    worker.run_due()
    assert bench.twin.alarms() == ()


def test_what_the_hook_gives_is_stored_with_its_flag_and_fills_the_gap() -> None:
    bench, hook = Bench(), Hook([value(minute) for minute in range(12)])
    bench.note()
    bench.now += timedelta(days=40)  # later than its source allows live data to be
    done = bench.worker(hook).run_due()
    assert (done.stored, done.filled, bench.gap.state) == (10, 1, "filled")
    _, series = bench.twin.series("B.0", start=START, end=START + 20 * MINUTE)
    assert series.time_us.tolist() == [to_us(START + minute * MINUTE) for minute in range(1, 11)]
    assert set(series.quality.tolist()) == {int(Quality.BACK_FILLED | Quality.LATE)}
    (row,) = bench.twin.balance(days=60)
    assert (row.received, row.stored) == (10, 10)
    assert bench.worker(hook).run_due().asked == 0


def test_half_an_answer_is_kept_and_the_hook_is_asked_again() -> None:
    bench = Bench()
    hook = Hook(
        [value(minute) for minute in range(1, 6)], [value(minute) for minute in range(1, 11)]
    )
    bench.note()
    bench.now += DELAYS[1]
    worker = bench.worker(hook)
    assert worker.run_due().stored == 5
    assert bench.gap.state == "open"
    done = worker.run_due()
    assert (done.stored, done.duplicate, bench.gap.state) == (5, 5, "filled")


def test_a_hook_that_fails_costs_one_attempt() -> None:
    bench, hook = Bench(), Hook(OSError("away"), [value(minute) for minute in range(1, 11)])
    bench.note()
    bench.now += DELAYS[1]
    worker = bench.worker(hook)
    worker.run_due()
    assert (bench.gap.state, bench.gap.attempts) == ("open", 1)
    worker.run_due()
    assert bench.gap.state == "filled"


NAIVE = Observation("B/0", "/v", datetime(2026, 11, 20, 12, 3), 1.0)  # noqa: DTZ001 - the fault


class Quitter:
    """A hook whose answer fails while it is read."""

    def fetch(self, *_: object) -> Iterable[Observation]:
        yield value(1)
        raise AssertionError("half an answer")


@pytest.mark.parametrize(
    "hook",
    [
        Hook([NAIVE]),
        Hook([replace(NAIVE, phenomenon_time="2026")]),  # pyrefly: ignore[bad-argument-type]
        Hook([replace(value(3), value="much")]),  # pyrefly: ignore[bad-argument-type]
        Hook([replace(value(3), quality=1 << 40)]),
        Hook([None]),  # pyrefly: ignore[bad-argument-type]
        Hook(5),  # pyrefly: ignore[bad-argument-type]
        Quitter(),
    ],
)
def test_whatever_a_hook_answers_costs_one_attempt_and_is_told_by_its_name(
    hook: object, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    bench.note()
    bench.now += DELAYS[0]
    done = bench.worker(hook).run_due()
    assert (done.stored, bench.gap.state, bench.gap.attempts) == (0, "open", 1)
    (record,) = [one for one in caplog.records if one.message == "backfill_failed"]
    assert record.__dict__["hook"].endswith(type(hook).__name__)


def test_a_gap_whose_last_attempt_was_counted_before_a_crash_is_lost_at_the_next_pass() -> None:
    bench, hook = Bench(), Hook([value(3)])
    bench.note()
    bench.now += timedelta(days=2)
    for _ in DELAYS:
        bench.twin.count_gap_attempt(bench.gap.id or 0)
    done = bench.worker(hook).run_due()
    assert (done.asked, done.lost, bench.gap.state, bench.gap.attempts) == (0, 1, "lost", 5)
    assert [alarm.kind for alarm in bench.twin.alarms()] == ["gap_lost"]


def test_an_old_gap_is_asked_for_however_many_newer_ones_last() -> None:
    bench, hook = Bench(), Hook()
    bench.note()
    bench.twin.note_gaps(
        Gap("s", f"dead/{row}", "cadence", START + MINUTE, None) for row in range(10_001)
    )
    bench.now += DELAYS[0]
    assert bench.worker(hook).run_due().asked == 1


def test_foreign_and_impossible_values_of_a_hook_are_left_out_or_quarantined() -> None:
    bench = Bench()
    hook = Hook([value(-5), value(50), value(3, key="X"), value(4, number=float("nan")), value(5)])
    bench.note()
    bench.now += DELAYS[0]
    done = bench.worker(hook).run_due()
    assert (done.stored, done.rejected) == (1, 1)
    assert [(entry.reason, entry.source) for entry in bench.twin.quarantine()] == [
        ("not_finite", "s")
    ]


def test_data_that_came_late_by_themselves_fill_a_gap_without_any_hook() -> None:
    bench = Bench()
    bench.note()
    minutes = np.arange(1, 11)
    readings = Readings(
        number=np.full(10, bench.number, np.int32),
        time_us=to_us(START) + minutes * 60_000_000,
        value=np.ones(10),
        quality=np.zeros(10, np.int16),
    )
    bench.twin.record(Batch(uuid4(), 1, readings=readings, tallies={"s": Tally(received=10)}))
    bench.now += DELAYS[0]
    assert bench.worker().run_due().filled == 1
    assert bench.gap.state == "filled"


def test_unrelated_readings_do_not_fill_a_gap_by_numbers_but_back_fill_does(tmp_path: Path) -> None:
    bench = Bench()
    bench.note(missing=2, is_estimated=False, cause="sequence")
    late = Readings(
        number=np.full(5, bench.number, np.int32),
        time_us=to_us(START) + np.arange(3, 8) * 60_000_000,
        value=np.ones(5),
        quality=np.zeros(5, np.int16),
    )
    bench.twin.record(Batch(uuid4(), 1, readings=late, tallies={"s": Tally(received=5)}))
    lines = ["key,time,value", *(f"B.0,2026-11-20T12:{minute:02}:00Z,1" for minute in (1, 2, 3))]
    (tmp_path / "one.csv").write_text("\n".join(lines[:2]), encoding="utf-8")
    bench.now += DELAYS[0]
    done = bench.worker(CsvFolder(tmp_path)).run_due()
    assert (done.stored, bench.gap.state) == (1, "open")
    (tmp_path / "all.csv").write_text("\n".join(lines), encoding="utf-8")
    bench.now += DELAYS[1]
    done = bench.worker(CsvFolder(tmp_path)).run_due()
    assert (done.stored, done.duplicate, bench.gap.state) == (1, 3, "filled")


def test_without_a_hook_a_gap_is_lost_after_a_day_and_nobody_is_alarmed() -> None:
    bench = Bench()
    bench.note()
    for _ in DELAYS:
        bench.now += timedelta(days=1)
        bench.worker().run_due()
    assert bench.gap.state == "lost"
    assert bench.twin.alarms() == ()


def test_gaps_that_last_are_not_asked_for() -> None:
    bench, hook = Bench(), Hook()
    bench.note(end=None, missing=None)
    bench.now += timedelta(days=3)
    assert bench.worker(hook).run_due().asked == 0


@pytest.mark.parametrize(
    ("key", "uids"), [("B/0", ["B.0"]), ("", ["B.0", "B.1"]), ("B/1#/v", ["B.1"])]
)
def test_gaps_of_devices_and_sources_ask_for_their_datastreams(key: str, uids: list[str]) -> None:
    bench, hook = Bench(), Hook([value(3), value(3, key="B/1")])
    bench.note(key=key, number=None, missing=1, is_estimated=False, cause="sequence")
    bench.now += DELAYS[0]
    bench.worker(hook).run_due()
    assert hook.asked[0][0] == uids
    assert bench.gap.state == "filled"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_file_in_the_folder_gives_values_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    line = b"\nB.0,2026-11-20T12:05:00Z,5\n"
    (folder / "a.csv").write_bytes(b"key,time,value\n" + content + line)
    (folder / "b.csv").write_bytes(b"key,time,value" + line)
    found = list(CsvFolder(folder).fetch([stream(0)], START, START + 10 * MINUTE))
    assert found[-1].value == 5.0
    assert all(START < one.phenomenon_time < START + 10 * MINUTE for one in found)


def test_a_folder_of_csv_files_fills_a_gap(tmp_path: Path) -> None:
    bench = Bench()
    bench.note()
    bench.now += DELAYS[0]
    assert bench.worker(CsvFolder(tmp_path / "not there yet")).run_due().stored == 0
    lines = ["key,time,value,quality"]
    lines += [f"B.0,2026-11-20T13:{minute:02}:00+01:00,{minute},suspect" for minute in range(1, 11)]
    lines += ["B.0,2026-11-20T12:05:30,7,", "B.0,2026-11-20T12:05:31Z,nan,", "B.0,x,1,", "B.0"]
    lines += ["B.0,2026-11-20T12:05:32Z,1,nonsense", "other,2026-11-20T12:05:33Z,1,"]
    (tmp_path / "logger.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "broken.csv").write_bytes(b"\xff\x00,\n\x00")
    bench.now += DELAYS[1]
    done = bench.worker(CsvFolder(tmp_path)).run_due()
    assert (done.stored, bench.gap.state) == (10, "filled")
    _, series = bench.twin.series("B.0", start=START, end=START + 20 * MINUTE)
    assert series.value.tolist() == list(range(1, 11))
    assert series.quality[0] & int(Quality.SUSPECT)
