"""CSV recordings: layouts, numbers, zones, and the values of the published samples."""

import threading
import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.playback.recording import (
    RecordedValue,
    Recording,
    decode_text,
    read_mapping,
    read_recording,
)
from sensors.playback.replay import load_recording, payload, play, preview, schedule, topic
from twin.errors import SettingsError
from twin.model.quality import Quality, keys

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
MUENSTER = SHARED / "data" / "muenster"
START = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)

LONG = """
[csv]
delimiter = ";"
zone = "Europe/Berlin"
key = "{Site}"
missing = ["", "NA"]
time = { column = "Time", format = "%d.%m.%Y %H:%M" }
[[csv.value]]
column = "T"
quantity = "air_temperature"
unit = "Cel"
"""
WIDE = """
[csv]
delimiter = ";"
zone = "Europe/Berlin"
key = "{Detektor}"
wide = { date_column = "Datum", date_format = "%Y-%m-%d" }
[[csv.value]]
quantity = "traffic_flow"
unit = "/h"
"""


def read(text: str, mapping: str = LONG) -> Recording:
    return read_recording(text, read_mapping(tomllib.loads(mapping), "test.toml"))


def shared(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"sample is not there: {path}")
    return path


def test_f_csv_5_the_wide_lane_counts_are_complete() -> None:
    file = shared(MUENSTER / "2016_09_03_24mq.csv")
    recording = load_recording(file, REPOSITORY / "docs" / "examples" / "muenster.toml")
    assert (recording.rows, len(recording.values), recording.missing) == (634, 14_758, 458)
    assert sum(value.value for value in recording.values) == 2_293_725
    assert recording.rejected == 0
    first = recording.values[0]
    assert first.key == "MQ_03290_FV12_GR (MQ0)/traffic_flow"
    # the hour 0:00 to 1:00 of 3 September, named by its end
    assert first.time == datetime(2016, 9, 2, 23, 0, tzinfo=UTC)


def test_f_csv_2_and_f_tim_4_the_latin_1_sample_is_met() -> None:
    folder = shared(SHARED / "samples" / "csv" / "expected.json").parent
    recording = load_recording(
        folder / "synthetic_latin1_semicolon.csv", folder / "synthetic_mapping.toml"
    )
    found = {
        name: [(one.time.isoformat(), round(one.value * scale, 6)) for one in recording.values
               if one.key == f"Süd/{name}"]
        for name, scale in (("air_temperature", 1), ("water_level", 100))
    }  # fmt: skip
    times = [f"2026-10-{day}:00+00:00" for day in
             ("24T23:30", "25T00:00", "25T00:30", "25T01:00", "25T01:30", "25T02:00")]  # fmt: skip
    warm = [8.5, 8.4, 8.3, 8.1, None, 7.9]
    wet = [1312.0, 1312.5, None, 1313.0, 1313.5, 1314.0]
    for name, values in (("air_temperature", warm), ("water_level", wet)):
        pairs = zip(times, values, strict=True)
        assert found[name] == [(at, value) for at, value in pairs if value is not None]
    assert (recording.rows, recording.missing, recording.ignored_columns) == (6, 2, ("",))


def test_the_wide_sample_with_a_date_column_is_met() -> None:
    header = "Detektor;Datum;" + ";".join(f"{hour:02}:00" for hour in range(24))
    cells = ";".join(str(10 * hour) for hour in range(24))
    recording = read(f"{header}\nMQ_1;2026-06-15;{cells}\nMQ_2;2026-06-15;1;;\n", WIDE)
    assert (recording.rows, len(recording.values), recording.missing) == (2, 25, 23)
    assert recording.values[8].value == 80
    assert recording.values[8].time == datetime(2026, 6, 15, 7, 0, tzinfo=UTC)


def test_the_hour_that_a_wide_file_cannot_hold_twice_is_flagged() -> None:
    recording = read("Detektor;Datum;01:00;02:00;03:00\nA;2026-10-25;1;2;3\n", WIDE)
    assert [keys(one.quality) for one in recording.values] == [(), ("ambiguous_time",), ()]


def test_f_tim_4_the_hour_that_does_not_exist_is_rejected_and_named() -> None:
    recording = read("Time;Site;T\n29.03.2026 01:30;A;1\n29.03.2026 02:30;A;2\n")
    assert (len(recording.values), recording.rejected) == (1, 1)
    assert "line 3" in recording.problems[0]


def test_hourly_rows_of_the_autumn_day_fill_25_hours() -> None:
    hours = ["00", "01", "02", "02", "03"]
    text = "Time;Site;T\n" + "".join(
        f"25.10.2026 {hour}:00;A;{n}\n" for n, hour in enumerate(hours)
    )
    times = [value.time for value in read(text).values]
    assert [b - a for a, b in pairwise(times)] == [timedelta(hours=1)] * 4


def test_one_bad_cell_costs_that_cell() -> None:
    recording = read(
        "Time;Site;T\n1.1.2026 00:00;A;x\nnever;A;1\n1.1.2026 00:10;A;NA\n\n1.1.2026 00:20;A;2"
    )
    assert [value.value for value in recording.values] == [2.0]
    assert (recording.rows, recording.rejected, recording.missing) == (4, 2, 1)


def test_a_start_label_becomes_the_end_of_the_interval() -> None:
    mapping = LONG.replace('%H:%M"', '%H:%M", label = "start"')
    with pytest.raises(SettingsError, match="period_s"):
        read("Time;Site;T\n1.1.2026 00:00;A;1\n", mapping)
    mapping = mapping.replace("key =", "period_s = 900\nkey =")
    (value,) = read("Time;Site;T\n1.1.2026 00:00;A;1\n", mapping).values
    assert value.time == datetime(2025, 12, 31, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('column = "T"', 'column = "X"'), "no column 'X'"),
        (('unit = "Cel"', 'unit = "kg"'), "'kg'"),
        (("key =", 'keys = "x"\nkey ='), "keys"),
        (('zone = "Europe/Berlin"', ""), "zone"),
        (("time = {", "time_ = {"), "time"),
    ],
)
def test_a_wrong_mapping_is_explained(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read("Time;Site;T\n1.1.2026 00:00;A;1\n", LONG.replace(*change))


def test_a_wrong_encoding_is_explained() -> None:
    with pytest.raises(SettingsError, match="latin-1"):
        decode_text("Süd".encode("latin-1"), "utf-8")
    with pytest.raises(SettingsError, match="unknown"):
        decode_text(b"x", "utf-99")
    assert decode_text(b"\xef\xbb\xbfx", "utf-8") == "x"
    assert decode_text("x".encode("utf-16"), "utf-16") == "x"


@given(text=st.text(alphabet=st.sampled_from(' ;\n\r"0123456789.:ANx,ü'), max_size=120))
def test_any_text_is_accounted_for(text: str) -> None:
    recording = read("Time;Site;T\n" + text)
    assert len(recording.values) + recording.missing + recording.rejected == recording.rows


# Replay


def values(*minutes: int) -> list[RecordedValue]:
    return [RecordedValue("a/b", START + timedelta(minutes=m), float(m)) for m in minutes]


def test_values_are_due_in_order_of_time_at_the_chosen_speed() -> None:
    dues = list(schedule(values(10, 0, 5), speed=60.0, begin=None))
    assert [(due.after_s, due.value.value) for due in dues] == [(0, 0), (5, 5), (10, 10)]
    assert [due.value.time for due in dues] == [START + timedelta(minutes=m) for m in (0, 5, 10)]


def test_shifted_values_begin_now_and_never_lie_ahead_of_their_moment() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    dues = list(schedule(values(0, 60), speed=3600.0, begin=now))
    assert [due.value.time for due in dues] == [now, now + timedelta(seconds=1)]


def test_play_waits_for_each_moment_and_stops_when_told() -> None:
    now_s = 0.0
    published: list[float] = []
    stop = threading.Event()

    class Patience(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now_s
            now_s += timeout or 0.0
            return self.is_set()

    patience = Patience()
    count = play(
        schedule(values(0, 1, 2), speed=60.0, begin=None),
        publish=lambda _due: published.append(now_s) is None,
        stop=patience,
        clock=lambda: now_s,
    )
    assert (count, published) == (3, [0.0, 1.0, 2.0])
    stop.set()
    assert play(schedule(values(0), speed=1.0, begin=None), publish=lambda _: True, stop=stop) == 0


def test_a_value_becomes_a_message_of_our_own_scheme() -> None:
    (value,) = read("Time;Site;T\n1.1.2026 00:00;A/1 #x;1.5\n").values
    assert topic(value, "demo") == "twin/v1/demo/A_1 _x/air_temperature/obs"
    assert payload(value) == b'{"t": "2025-12-31T23:00:00+00:00", "v": 1.5}'
    flagged = RecordedValue("a/b", START, 1.0, Quality.AMBIGUOUS_TIME)
    assert b'"q": ["ambiguous_time"]' in payload(flagged)


def test_the_preview_shows_counts_problems_and_values() -> None:
    lines = preview(read("Time;Site;T;\n1.1.2026 00:00;A;1;\n1.1.2026 00:10;A;x;\n"))
    assert lines[0] == "2 rows, 1 values, 0 missing, 1 rejected"
    assert "A/air_temperature" in lines[-1]
