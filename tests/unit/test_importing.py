"""Historical readings from files: each row is stored once or named with its reason."""

import subprocess
import sys
import threading
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_samples import city

from dashboards.api.reading_files import FORMATS, Export
from sensors.history import importfile
from sensors.history.importfile import ReadingsMapping, Refusal, read_mapping
from sensors.history.importing import ReadingsImport, Report, command, refusal_file
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.errors import SettingsError, StoreUnavailableError
from twin.model.observations import Batch, RecordResult
from twin.model.quality import Quality
from twin.settings import CitySettings, Settings
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
POLICY = TimePolicy(future_tolerance=timedelta(minutes=5), retention=timedelta(days=730))
HEADER = "datastream,time,value,unit,quality"
SPAN = (NOW - timedelta(days=729), NOW + timedelta(days=1))


@pytest.fixture
def twin() -> Twin:
    twin = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
    twin.load(city())
    return twin


def write(folder: Path, *rows: str, header: str = HEADER, name: str = "old.csv") -> Path:
    file = folder / name
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def run(twin: Twin, file: Path, *, mapping: ReadingsMapping | None = None, **how: bool) -> Report:
    job = ReadingsImport(twin, mapping=mapping or ReadingsMapping(), policy=POLICY)
    return job.run(file, say=_quiet, stop=threading.Event(), **how)


def rehearse(twin: Twin, file: Path, *, mapping: ReadingsMapping | None = None) -> Report:
    job = ReadingsImport(twin, mapping=mapping or ReadingsMapping(), policy=POLICY)
    return job.rehearse(file, say=_quiet, stop=threading.Event())


def _quiet(_text: str) -> None:
    pass


def stored(twin: Twin, uid: str = "stream-000") -> list[tuple[datetime, float, int]]:
    return [
        (datetime.fromtimestamp(t / 1e6, UTC), value, mask)
        for page in twin.rows([uid], start=SPAN[0], end=SPAN[1])
        for t, value, mask in zip(
            page.time_us.tolist(), page.value.tolist(), page.quality.tolist(), strict=True
        )
    ]


def times(twin: Twin) -> list[str]:
    return [f"{time:%m-%d %H:%M}" for time, _, _ in stored(twin)]


ROWS = (
    "stream-000,2025-01-01T00:00:00Z,1.5,um/m,",
    "stream-000,2025-01-01T01:00:00+01:00,1.5,um/m,",
    "stream-000,2025-01-01T02:00:00Z,0.0025,mm/m,suspect",
    "stream-001,2025-01-01T00:00:00Z,,um/m,",
)


def test_rows_are_stored_once_with_unit_flags_and_as_back_filled(
    twin: Twin, tmp_path: Path
) -> None:
    rows = (*ROWS[:2], ROWS[3], "stream-000,2025-01-01T02:00:00Z,0.000025,m/m,suspect")
    report = run(twin, write(tmp_path, *rows))
    assert (report.rows, report.stored, report.duplicate, report.missing) == (4, 2, 1, 1)
    assert report.examples == []
    (_, first, mask), (_, second, suspect) = stored(twin)
    assert (first, second) == (1.5, pytest.approx(25.0))
    assert mask == Quality.BACK_FILLED | Quality.SIMULATED
    assert suspect == mask | Quality.SUSPECT
    balance = {row.source: row for row in twin.balance()}
    assert (balance["left"].received, balance["left"].stored) == (3, 2)


def test_a_value_outside_the_limits_is_flagged_and_lateness_is_no_fault(
    twin: Twin, tmp_path: Path
) -> None:
    run(twin, write(tmp_path, "stream-000,2025-01-01T00:00:00Z,1e6,um/m,"))
    assert stored(twin)[0][2] == Quality.BACK_FILLED | Quality.SIMULATED | Quality.OUT_OF_RANGE


def test_the_same_file_again_changes_nothing(twin: Twin, tmp_path: Path) -> None:
    file = write(tmp_path, *ROWS)
    run(twin, file)
    before = stored(twin)
    again = run(twin, file)
    assert (again.stored, again.already) == (0, 2)
    anew = run(twin, file, is_again=True)
    assert (anew.stored, anew.already, anew.duplicate) == (0, 0, 2)
    assert stored(twin) == before


class FailingStore(MemoryStore):
    """A store that goes away for good after some batches."""

    batches = 0
    most = 10**9

    def record(self, batch: Batch) -> RecordResult:
        if self.batches >= self.most:
            raise StoreUnavailableError("the database cannot be reached; repeat later")
        self.batches += 1
        return super().record(batch)


def test_an_interrupted_import_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importfile, "CHUNK_ROWS", 10)
    monkeypatch.setattr("sensors.history.importing.MOST_AWAY", 0)
    store = FailingStore(clock=lambda: NOW)
    twin = Twin(store, clock=lambda: NOW)
    twin.load(city())
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        f"stream-000,{(begin + timedelta(minutes=row)).isoformat()},{row}.5,," for row in range(45)
    ]
    file = write(tmp_path, *rows)
    store.most = 2
    with pytest.raises(StoreUnavailableError):
        run(twin, file)
    assert len(stored(twin)) == 20
    store.most = 10**9
    report = run(twin, file)
    assert (report.already, report.stored, report.duplicate) == (20, 25, 0)
    assert [value for _, value, _ in stored(twin)] == [row + 0.5 for row in range(45)]


def test_a_rehearsal_stores_nothing_and_says_what_would_happen(twin: Twin, tmp_path: Path) -> None:
    run(twin, write(tmp_path, "stream-000,2025-01-01T00:00:00Z,1.5,,", name="first.csv"))
    file = write(
        tmp_path,
        "stream-000,2025-01-01T00:00:00Z,1.5,,",
        "stream-000,2025-01-02T00:00:00Z,2.5,,",
        "stream-000,2025-01-02T00:00:00Z,2.5,,",
        "stream-000,2025-01-02T00:00:00Z,9.5,,",
        "stream-002,2025-01-01T00:00:00Z,7,,",
        "stream-009,2025-01-01T00:00:00Z,7,,",
        "stream-002,2020-01-01T00:00:00Z,7,,",
        "stream-002,2025-01-01T00:00:00Z,seven,,",
    )
    report = rehearse(twin, file)
    assert len(stored(twin)) == 1
    assert (report.stored, report.duplicate, report.conflict) == (2, 2, 1)
    assert [one.reason for one in report.examples] == ["unknown_stream", "wrong_type", "too_old"]
    text = "\n".join(report.lines(is_dry=True))
    assert "2 would be stored" in text
    assert "row 7: datastream 'stream-009' is not registered; did you mean 'stream-00" in text
    assert "row 8: stream-002: time 2020" in text
    assert "raise store.retention_days" in text
    real = run(twin, file)
    assert (real.stored, real.duplicate, real.conflict) == (2, 2, 1)


def test_refused_rows_are_told_one_by_one_and_kept_as_examples_only(
    twin: Twin, tmp_path: Path
) -> None:
    rows = [f"stream-009,2025-01-01T00:00:00Z,{row},," for row in range(50)]
    rows += [f"stream-000,2020-01-01T00:00:{row},{row},," for row in range(50)]
    told: list[Refusal] = []
    job = ReadingsImport(
        twin, mapping=ReadingsMapping(zone="UTC"), policy=POLICY, tell_refused=told.append
    )
    report = job.rehearse(write(tmp_path, *rows), say=_quiet, stop=threading.Event())
    assert len(told) == report.refused.total() == 100
    assert {one.reason for one in told} == set(report.refused)
    assert len(report.examples) == 3 * len(report.refused)


def test_a_rehearsal_finds_repeats_far_apart_in_a_file(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importfile, "CHUNK_ROWS", 7)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        f"stream-000,{(begin + timedelta(minutes=row % 40)).isoformat()},{row % 50},,"
        for row in range(100)
    ]
    file = write(tmp_path, *rows)
    dry = rehearse(twin, file)
    real = run(twin, file)
    assert (dry.stored, dry.duplicate, dry.conflict) == (40, 0, 60)
    assert (real.stored, real.duplicate, real.conflict) == (40, 0, 60)


def test_the_file_of_refused_rows_cannot_be_the_imported_one(tmp_path: Path) -> None:
    file = write(tmp_path, *ROWS)
    with (
        pytest.raises(SettingsError, match="the imported file itself"),
        refusal_file(file, file),
    ):
        pass
    assert file.read_text().count("\n") == 1 + len(ROWS)


def test_our_own_export_comes_back_unchanged(twin: Twin, tmp_path: Path) -> None:
    run(twin, write(tmp_path, *ROWS[:2], "stream-002,2025-03-01T10:00:00.123456Z,3.25,,late"))
    other = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
    other.load(city())
    streams = tuple(twin.datastream(uid) for uid in ("stream-000", "stream-002"))
    export = Export("test", streams, SPAN[0], SPAN[1], NOW)
    for form, (pieces, _) in FORMATS.items():
        pages = twin.rows([stream.uid for stream in streams], start=SPAN[0], end=SPAN[1])
        file = tmp_path / f"export.{form}"
        file.write_bytes(b"".join(pieces(export, pages)))
        report = run(other, file)
        assert report.examples == []
        assert report.stored + report.duplicate == 2
        assert stored(other) == stored(twin)
        assert stored(other, "stream-002")[0][:2] == stored(twin, "stream-002")[0][:2]


# Times


def local(twin: Twin, folder: Path, *clock: str, zone: str = "Europe/Berlin") -> Report:
    rows = [f"stream-000,{time},{row},," for row, time in enumerate(clock)]
    return run(twin, write(folder, *rows), mapping=ReadingsMapping(zone=zone))


def test_both_hours_of_the_autumn_night_are_kept_in_their_order(twin: Twin, tmp_path: Path) -> None:
    report = local(
        twin, tmp_path, *(f"2026-10-25 {c}" for c in ("01:30", "02:00", "02:30", "02:00", "02:30",
                                                      "03:00"))
    )  # fmt: skip
    assert report.examples == []
    assert times(twin) == [
        f"10-{t}" for t in ("24 23:30", "25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00")
    ]


AUTUMN = ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30")


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("clock", [AUTUMN, ("01:00", "02:00", "02:00", "03:00")])
def test_the_autumn_night_is_whole_whichever_row_comes_first(
    twin: Twin, tmp_path: Path, step: int, clock: tuple[str, ...]
) -> None:
    report = local(twin, tmp_path, *(f"2026-10-25 {c}" for c in clock[::step]))
    assert (report.examples, report.conflict, report.stored) == ([], 0, len(clock))
    values = [value for _, value, _ in stored(twin)]
    assert values == list(range(len(clock)))[::step]


def test_rows_without_a_value_count_for_the_order_of_the_autumn_night(
    twin: Twin, tmp_path: Path
) -> None:
    rows = [
        f"stream-000,2026-10-25 {c},{'' if 0 < at < 3 else at},," for at, c in enumerate(AUTUMN)
    ]
    run(twin, write(tmp_path, *rows), mapping=ReadingsMapping(zone="Europe/Berlin"))
    assert times(twin) == [f"10-{t}" for t in ("24 23:30", "25 01:00", "25 01:30", "25 02:00",
                                               "25 02:30")]  # fmt: skip


def test_an_hour_that_occurs_twice_at_the_begin_of_a_file_is_refused(
    twin: Twin, tmp_path: Path
) -> None:
    report = local(twin, tmp_path, "2026-10-25 02:30", "2026-10-25 03:00")
    assert times(twin) == ["10-25 02:00"]
    assert "occurs twice in Europe/Berlin" in report.examples[0].detail


def test_an_hour_that_does_not_exist_is_refused_by_name(twin: Twin, tmp_path: Path) -> None:
    report = local(twin, tmp_path, "2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:00")
    assert [one.reason for one in report.examples] == ["time_invalid"]
    assert "does not exist in Europe/Berlin (spring night)" in report.examples[0].detail
    assert times(twin) == ["03-29 00:59", "03-29 01:00"]


def test_a_time_without_a_zone_says_what_to_do(twin: Twin, tmp_path: Path) -> None:
    report = local(twin, tmp_path, "2026-10-01 12:00", zone="")
    assert "use --zone Europe/Berlin" in report.examples[0].detail


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("s", "1735689600"),
        ("ms", "1735689600000"),
        ("us", "1735689600000000"),
        ("s", "1735689600.0"),
        ("%d.%m.%Y %H:%M", "01.01.2025 01:00"),
        ("iso", "2025-01-01T00:00:00.000Z"),
        ("iso", "2025-01-01 00:00:00+00:00"),
    ],
)
def test_times_come_in_many_forms(twin: Twin, tmp_path: Path, form: str, text: str) -> None:
    mapping = ReadingsMapping(time_format=form, zone="Europe/Berlin")
    report = run(twin, write(tmp_path, f"stream-000,{text},1,,"), mapping=mapping)
    assert report.examples == []
    assert stored(twin)[0][0] == datetime(2025, 1, 1, tzinfo=UTC)


# Forms of files


def test_a_decimal_comma_is_recognised_and_taken_when_declared(twin: Twin, tmp_path: Path) -> None:
    file = write(tmp_path, "stream-000;2025-01-01T00:00:00Z;21,5", header="datastream;time;value")
    report = run(twin, file, mapping=ReadingsMapping(delimiter=";"))
    assert "use --decimal ," in report.examples[0].detail
    report = run(twin, file, mapping=ReadingsMapping(delimiter=";", decimal=","))
    assert (report.stored, stored(twin)[0][1]) == (1, 21.5)


@pytest.mark.parametrize(
    ("header", "mapping", "word"),
    [
        ("datastream;time;value", ReadingsMapping(), r"delimiter is probably ';'"),
        ("datastream\ttime\tvalue", ReadingsMapping(), "delimiter is probably 'tab'"),
        ("datastream,Time,value", ReadingsMapping(), r"no column 'time'.*perhaps 'Time'"),
        ("uid,time,value", ReadingsMapping(), "no column 'datastream'"),
        ("datastream,time,time,value", ReadingsMapping(), "names 'time' twice"),
    ],
)
def test_a_header_that_does_not_fit_says_what_to_do(
    twin: Twin, tmp_path: Path, header: str, mapping: ReadingsMapping, word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        run(twin, write(tmp_path, "a,b,c", header=header), mapping=mapping)


def test_files_that_are_no_files_say_so(twin: Twin, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        run(twin, tmp_path / "absent.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(SettingsError, match="is empty"):
        run(twin, empty)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("datastream,time,value\nstraße,x,1\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="latin-1"):
        run(twin, latin)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(SettingsError, match="no sound Parquet"):
        run(twin, broken)


def test_a_row_with_other_cells_than_the_header_is_refused_not_cut(
    twin: Twin, tmp_path: Path
) -> None:
    file = write(
        tmp_path, "stream-000,2025-01-01T00:00:00Z,21,5", "stream-000,2025-01-02T00:00:00Z",
        "", "stream-000,2025-01-03T00:00:00Z,7",
        header="datastream,time,value",
    )  # fmt: skip
    report = run(twin, file)
    assert report.stored == 1
    assert [one.line for one in report.examples] == [2, 3]
    assert report.rows == 3
    assert "decimal comma" in report.examples[0].detail


def test_source_and_route_key_find_the_datastream(twin: Twin, tmp_path: Path) -> None:
    file = write(
        tmp_path, "left,stream-000,2025-01-01T00:00:00Z,1", "left,nobody,2025-01-01T00:00:00Z,1",
        header="source,route_key,time,value",
    )  # fmt: skip
    report = run(twin, file)
    assert (report.stored, report.examples[0].reason) == (1, "unknown_stream")
    one = write(tmp_path, "2025-01-02T00:00:00Z,7", header="when,x", name="one.csv")
    mapping = read_mapping(
        {"readings": {"one_datastream": "stream-000", "time": "when", "value": "x",
                      "one_unit": "mm/m"}},
        "test.toml",
    )  # fmt: skip
    assert "unit_conflict" in {one.reason for one in run(twin, one, mapping=mapping).examples}


def test_codes_of_quality_can_be_named_good(twin: Twin, tmp_path: Path) -> None:
    file = write(
        tmp_path, "stream-000,2025-01-01T00:00:00Z,1,,ok", "stream-000,2025-01-02T00:00:00Z,1,,7"
    )
    assert [one.reason for one in run(twin, file).examples] == ["wrong_type", "wrong_type"]
    run(twin, file, mapping=ReadingsMapping(good=("ok",)))
    masks = [mask & Quality.BAD_AT_SOURCE for _, _, mask in stored(twin)]
    assert masks == [0, Quality.BAD_AT_SOURCE]


def test_parquet_with_times_of_any_kind_is_read(twin: Twin, tmp_path: Path) -> None:
    at = datetime(2025, 1, 1, 12, tzinfo=UTC)
    for number, column in enumerate(
        (
            pa.array([at, None], pa.timestamp("ms", tz="Europe/Berlin")),
            pa.array([at.replace(tzinfo=None), None], pa.timestamp("s")),
            pa.array([at.isoformat(), None]),
        )
    ):
        table = pa.table({"datastream": ["stream-000"] * 2, "time": column, "value": [number, 1.0]})
        file = tmp_path / f"{number}.parquet"
        pq.write_table(table, file)
        report = run(twin, file, mapping=ReadingsMapping(zone="UTC"), is_again=True)
        assert [one.reason for one in report.examples] == ["time_missing"]
    assert stored(twin) == [(at, 0.0, Quality.BACK_FILLED | Quality.SIMULATED)]


def test_a_mapping_names_its_mistakes() -> None:
    with pytest.raises(SettingsError, match="unknown table 'csv'"):
        read_mapping({"csv": {}}, "a.toml")
    with pytest.raises(SettingsError, match=r"readings\.vale"):
        read_mapping({"readings": {"vale": "x"}}, "a.toml")
    with pytest.raises(SettingsError, match="one character"):
        read_mapping({"readings": {"delimiter": ";;"}}, "a.toml")


# Waiting


class CrowdedRoom:
    """Room that is full for the first questions."""

    def __init__(self, times_full: int) -> None:
        self.times_full = times_full
        self.asked: list[frozenset[date]] = []

    def prepare(self, days: Sequence[date]) -> frozenset[date]:
        self.asked.append(frozenset(days))
        return self.asked[-1] if len(self.asked) <= self.times_full else frozenset()


def test_an_import_waits_for_room_instead_of_failing(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.history.importing.ROOM_WAIT_S", 0.0)
    room = CrowdedRoom(3)
    monkeypatch.setattr(twin._store, "room", room, raising=False)
    said: list[str] = []
    job = ReadingsImport(twin, mapping=ReadingsMapping(), policy=POLICY)
    report = job.run(write(tmp_path, ROWS[0]), say=said.append, stop=threading.Event())
    assert report.stored == 1
    assert room.asked == [frozenset({date(2025, 1, 1)})] * 4
    assert [text for text in said if "waiting for room for 1 days from 2025-01-01" in text] == said


def test_a_stopped_import_keeps_what_it_has(twin: Twin, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    job = ReadingsImport(twin, mapping=ReadingsMapping(), policy=POLICY)
    assert job.run(write(tmp_path, *ROWS), say=_quiet, stop=stop).stored == 0


def test_the_command_offers_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(CitySettings("T", "EPSG:25833", (13.0, 50.0, 14.0, 51.0)), Path())
    with pytest.raises(SystemExit):
        command(settings, ["--help"])
    assert "readings" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command(settings, ["potatoes"])


def test_the_mapping_of_the_documentation_is_one(twin: Twin, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "import-readings.toml"
    mapping = read_mapping(tomllib.loads(example.read_text(encoding="utf-8")), str(example))
    file = tmp_path / "logger.csv"
    text = "Zeit;Sensor;Messwert;Status\n25.10.2025 02:30;BR17-DMS3;-0,0000125;ok\n"
    file.write_bytes(text.encode("latin-1"))
    (row,) = run(twin, file, mapping=mapping).examples
    assert "'BR17-DMS3' is no route key of source 'logger'" in row.detail


@pytest.mark.parametrize(
    ("words", "expected"), [(("import", "readings", "--help"), "--dry-run"), (("--help",), "jobs:")]
)
def test_help_behind_a_job_is_that_of_the_job(words: tuple[str, ...], expected: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "twin.cli", *words], capture_output=True, text=True, check=True
    )
    assert expected in answer.stdout
