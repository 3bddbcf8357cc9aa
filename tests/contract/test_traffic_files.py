"""Files of traffic counts: samples and expectations of the format specification, section 7."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import city

from sensors.history.bast_band import read_bast_band
from sensors.history.bast_hourly import read_bast_hourly
from sensors.history.detectors import read_berlin
from sensors.history.formats import READERS, TrafficFormat, declared
from sensors.history.importfile import Finding, ReadingsMapping, Refusal
from sensors.history.importing import ReadingsImport
from sensors.history.reporting import Report
from sensors.history.samples import Item, Sample, opened, quality_of
from sensors.history.widecsv import read_wide
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.errors import SettingsError
from twin.exchange.geovalues import Findings
from twin.exchange.sensorlist import SensorMapping, read_sensor_list
from twin.model.datastreams import Datastream, Sensor
from twin.model.quality import Quality
from twin.model.tables import rows
from twin.store.memory import MemoryStore

SHARED = Path(__file__).resolve().parents[3] / "shared"
SAMPLES = SHARED / "samples"
MUENSTER = SHARED / "data" / "muenster" / "2016_09_03_24mq.csv"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
POLICY = TimePolicy(future_tolerance=timedelta(minutes=5), retention=timedelta(days=10_000))
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples here")


def expected(folder: str) -> dict:
    return json.loads((SAMPLES / folder / "expected.json").read_text(encoding="utf-8"))


def read(name: str, file: Path, zone: str = "Europe/Berlin") -> list[Item]:
    form = declared(TrafficFormat(name, "counts", zone))
    with opened(file) as (lines, _):
        return list(READERS[name](lines, form, file.stem))


def samples(items: list[Item]) -> list[Sample]:
    return [one for one in items if isinstance(one, Sample)]


def findings(items: list[Item]) -> list[str]:
    return [one.text for one in items if isinstance(one, Finding)]


def twin_with(*keys: str) -> Twin:
    base = city()
    streams = tuple(
        Datastream(
            uid=f"count-{at}", name=key, asset_id=base.assets[0].id, component_id=None,
            quantity="speed" if "/v_" in key else "traffic_flow", sensor_id="station",
            source="counts", route_key=key, provenance="measured",
        )
        for at, key in enumerate(keys)
    )  # fmt: skip
    twin = Twin(MemoryStore(clock=lambda: NOW, retention_days=10_000), clock=lambda: NOW)
    sensor = Sensor("station", "station", "loop", "measured")
    twin.load(replace(base, sensors=(*base.sensors, sensor), datastreams=streams))
    return twin


def job(
    twin: Twin, name: str, zone: str = "Europe/Berlin", *, corrects: bool = False
) -> ReadingsImport:
    form = declared(TrafficFormat(name, "counts", zone))
    correcting = frozenset({"counts"} if corrects else ())
    return ReadingsImport(
        twin, mapping=ReadingsMapping(), form=form, policy=POLICY, correcting=correcting
    )


def run(twin: Twin, file: Path, name: str, zone: str = "Europe/Berlin", **how: bool) -> Report:
    return job(twin, name, zone, **how).run(file, say=lambda _: None, stop=threading.Event())


def rehearse(twin: Twin, file: Path, name: str) -> Report:
    return job(twin, name).rehearse(file, say=lambda _: None, stop=threading.Event())


def stored(twin: Twin, uid: str = "count-0") -> list[tuple[str, float, int]]:
    span = {"start": datetime(2000, 1, 1, tzinfo=UTC), "end": NOW + timedelta(days=1)}
    return [
        (datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), value, mask)
        for page in twin.rows([uid], **span)
        for at, value, mask in zip(
            page.time_us.tolist(), page.value.tolist(), page.quality.tolist(), strict=True
        )
    ]


BERLIN = SAMPLES / "berlin" / "mq_hr_2024_01_sample.csv"
HOURLY = SAMPLES / "bast" / "synthetic_hourly.csv"
BAND = SAMPLES / "bast" / "synthetic_bestandsband.txt"
BERLIN_HEADER = "mq_name;tag;stunde;q_kfz_mq_hr;v_kfz_mq_hr;q_pkw_mq_hr;q_lkw_mq_hr"


@needs_samples
def test_hours_of_berlin_begin_at_their_label_in_local_time() -> None:
    """F-BER-1."""
    want = expected("berlin")[BERLIN.name]
    twin = twin_with("TE001/q_kfz")
    run(twin, BERLIN, "berlin")
    assert stored(twin)[0][:2] == (want["first_row"]["interval"][1], want["first_row"]["q_kfz"])
    sums = want["cross_sections"]["TE001"]
    assert len(stored(twin)) == sums["hours"]
    assert sum(value for _, value, _ in stored(twin)) == sums["sum_q_kfz"]


@needs_samples
def test_absent_rows_of_berlin_show_as_coverage() -> None:
    """F-BER-2."""
    told = findings(read("berlin", BERLIN))
    assert told == ["TE001: 661 of 744 hours (88.84%)", "TE002: 681 of 744 hours (91.53%)"]


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [("31468", 4_595_460, 5_821_820), ("25833", 391_779, 5_820_072), ("4326", 13.405, 52.52)],
)
def test_positions_of_site_lists_are_declared_and_checked(crs: str, x: float, y: float) -> None:
    """F-BER-4: the middle of Berlin, read as declared and as something else."""
    columns = {"id": "id", "quantity": "quantity", "x": "x", "y": "y"}
    content = f"id,quantity,x,y\nTE001,traffic_flow,{x},{y}\n".encode()
    for declared_crs in ("31468", "25833", "4326"):
        findings_ = Findings()
        (row,) = read_sensor_list(
            content,
            SensorMapping(columns=columns, crs=f"EPSG:{declared_crs}"),
            name="sites.csv",
            extent=(13.08, 52.33, 13.77, 52.68),
            findings=findings_,
        )
        is_right = declared_crs == crs
        assert (row.longitude is not None) == is_right
        assert ("outside city.extent" in "".join(findings_.lines)) != is_right
        if is_right:
            assert (row.longitude, row.latitude) == pytest.approx((13.405, 52.52), abs=0.01)


def test_totals_may_differ_from_their_parts_by_rounding_only() -> None:
    """F-BER-3."""
    rows_ = [f"A;01.06.2026;{hour};100;50;{cars};10" for hour, cars in enumerate((90, 88, 87))]
    told = findings(list(read_berlin([BERLIN_HEADER, *rows_])))
    assert told[0] == "A: 100 vehicles, but cars and lorries are 97"
    assert len(told) == 2  # the other one is the coverage


@needs_samples
def test_flow_stands_where_the_speed_is_missing() -> None:
    """F-MIS-3."""
    items = samples(read("berlin", BERLIN))
    no_speed = [one for one in items if not one.value]
    assert len(no_speed) == expected("berlin")[BERLIN.name]["speed_-1_becomes_missing"]
    assert {one.key.split("/")[1][0] for one in no_speed} == {"v"}
    rows_ = [BERLIN_HEADER, "A;01.06.2026;3;0;-1;0;0"]
    cells = {one.key: one.value for one in samples(list(read_berlin(rows_)))}
    assert (cells["A/q_kfz"], cells["A/v_kfz"]) == ("0", "")


@needs_samples
def test_first_hours_of_bast_and_berlin_give_one_label(tmp_path: Path) -> None:
    """F-TIM-1."""
    berlin = tmp_path / "mq.csv"
    berlin.write_text(f"{BERLIN_HEADER}\nA;15.06.2026;0;1;2;1;0\n", encoding="utf-8")
    ours, theirs = twin_with("A/q_kfz"), twin_with("9901/KFZ_R1")
    run(ours, berlin, "berlin")
    run(theirs, HOURLY, "bast-hourly")
    want = expected("bast")[HOURLY.name]["Stunde 01"]
    assert stored(ours)[0][0] == stored(theirs)[0][0] == want["interval"][1]
    assert stored(theirs)[0][1] == want["KFZ_R1"]


@needs_samples
def test_the_last_hour_of_a_day_ends_on_the_next_day() -> None:
    """F-TIM-2."""
    by_hour, by_band = twin_with("9901/KFZ_R1"), twin_with("9901/KFZ_R1")
    run(by_hour, HOURLY, "bast-hourly")
    run(by_band, BAND, "bast-band")
    want = expected("bast")[HOURLY.name]["Stunde 24"]["interval_end"]
    assert stored(by_hour)[-1][0] == stored(by_band)[-1][0] == want


def test_columns_of_bast_are_found_by_name_in_any_order() -> None:
    """F-BAH-1."""
    one = ["Zst;Datum;Stunde;KFZ_R1;K_KFZ_R1", "9901;260615;01;123;-"]
    other = ["K_KFZ_R1;Stunde;KFZ_R1;Datum;Zst", "-;01;123;260615;9901"]
    assert list(read_bast_hourly(one)) == list(read_bast_hourly(other))


@needs_samples
def test_classes_that_do_not_add_up_are_a_finding_and_stay() -> None:
    """F-BAH-2: trailers of articulated lorries are never counted twice."""
    told = findings(read("bast-hourly", HOURLY))
    sums = [text for text in told if "add up" in text]
    assert sums == ["9901, 260615 Stunde 08 direction 1: KFZ 1900 but the classes add up to 1843"]
    twin = twin_with("9901/KFZ_R1")
    run(twin, HOURLY, "bast-hourly")
    assert 1900 in [value for _, value, _ in stored(twin)]


@needs_samples
def test_signs_of_bast_become_flags_of_a_table_and_unknown_ones_are_suspect() -> None:
    """F-BAH-3."""
    twin = twin_with("9901/KFZ_R1", "9901/KFZ_R2")
    report = run(twin, HOURLY, "bast-hourly")
    assert stored(twin)[-1][1:] == (210, Quality.BAD_AT_SOURCE | Quality.BACK_FILLED)
    assert stored(twin, "count-1")[2][2] & Quality.BAD_AT_SOURCE
    assert any("Stunde 09 direction 2: quality letter d" in one.text for one in report.findings)
    odd = ["Zst;Datum;Stunde;KFZ_R1;K_KFZ_R1", "9901;260615;01;123;z"]
    found = list(read_bast_hourly(odd))
    assert isinstance(found[0], Sample)
    assert found[0].quality == "suspect"
    assert "unknown quality letter z" in findings(found)[0]
    assert quality_of("a") == quality_of("d") == "bad_at_source"
    assert {row["verified"] for row in rows("bast_quality_signs")} == {"no"}


def test_the_zone_of_bast_is_declared_and_rows_in_the_lost_hour_warn(tmp_path: Path) -> None:
    """F-BAH-4, and the year's night of F-TIM-4."""
    with pytest.raises(SettingsError, match="--zone"):
        declared(TrafficFormat("bast-hourly", "counts"))
    file = tmp_path / "hours.csv"
    lines = [f"9901;260329;{hour:02};{hour};-" for hour in range(1, 5)]
    file.write_text("\n".join(["Zst;Datum;Stunde;KFZ_R1;K_KFZ_R1", *lines]), encoding="utf-8")
    summer, standard = twin_with("9901/KFZ_R1"), twin_with("9901/KFZ_R1")
    report = run(summer, file, "bast-hourly")
    assert report.refused == {"time_invalid": 1}
    assert "Etc/GMT-1" in report.findings[0].text
    assert [value for _, value, _ in stored(summer)] == [1, 2, 4]
    assert not run(standard, file, "bast-hourly", "Etc/GMT-1").refused


def test_both_autumn_hours_are_told_apart_by_the_order_of_the_rows(tmp_path: Path) -> None:
    """F-BER-1, F-BAH-4: the beginning of an hour occurs twice, its end does not."""
    file = tmp_path / "mq.csv"
    lines = [f"A;25.10.2026;{hour};{count};50;{count};0"
             for count, hour in enumerate((1, 2, 2, 3))]  # fmt: skip
    file.write_text("\n".join([BERLIN_HEADER, *lines]), encoding="utf-8")
    twin = twin_with("A/q_kfz")
    run(twin, file, "berlin")
    assert [at[11:16] for at, _, _ in stored(twin)] == ["00:00", "01:00", "02:00", "03:00"]


@needs_samples
def test_band_holds_groups_of_all_lanes_and_then_types_of_all_lanes() -> None:
    """F-BAB-1, F-BAB-3, F-BAB-4: the sums of directions as an independent reading gave them."""
    cells: dict[int, dict[str, Sample]] = {}
    for one in samples(read("bast-band", BAND)):
        cells.setdefault(one.line, {})[one.key.removeprefix("9901/")] = one
    for found, want in zip(cells.values(), expected("bast")[BAND.name]["lines"], strict=True):
        for name in ("KFZ_direction_1", "KFZ_direction_2", "Pkw_direction_1", "SV_direction_1"):
            key = name.replace("_direction_", "_R")
            text = "" if want[name] is None else str(want[name])
            assert found[key].value == text
        assert ("edited_at_source" in found["KFZ_R1"].quality) == ("flag" in want)


def test_band_lines_with_another_count_of_values_are_refused() -> None:
    """F-BAB-2."""
    head = ["H99999901 14 B 999", "R01 02 N S;", "S01 01 KFZ Pkw;"]
    six, five = "  10-" * 6, "  10-" * 5
    items = list(read_bast_band([*head, f"260615 01:00{six}", f"260615 02:00{five}"]))
    assert len(samples(items)) == 2 * (2 + 3)
    refused = [one for one in items if isinstance(one, Refusal)]
    assert [(one.line, one.reason) for one in refused] == [(5, "length_mismatch")]


def test_values_of_the_band_may_touch_each_other() -> None:
    """F-BAB-3."""
    head = ["H99999901 14 B 999", "R01 01 N S;", "S01 00 KFZ;"]
    items = samples(list(read_bast_band([*head, "260615 17:0012345-54321-"])))
    assert [one.value for one in items] == ["12345", "12345", "54321", "54321"]


def test_one_unusable_lane_makes_its_direction_incomplete() -> None:
    """F-BAB-4."""
    head = ["H99999901 14 B 999", "R02 00 N S;", "S01 00 KFZ;"]
    items = list(read_bast_band([*head, "260615i17:00   10-   20a"]))
    by_key = {one.key: (one.value, one.quality) for one in samples(items)}
    assert by_key["9901/KFZ_R1"][0] == ""
    assert by_key["9901/KFZ_R1_L1"] == ("10", "edited_at_source")
    assert by_key["9901/KFZ_R1_L2"] == ("20", "bad_at_source edited_at_source")
    assert findings(items) == ["9901/KFZ_R1 is incomplete, lane 2: a"]


@pytest.mark.skipif(not MUENSTER.is_file(), reason="no ../shared/data here")
def test_day_tables_keep_every_value_and_count_the_missing_ones() -> None:
    """F-CSV-5."""
    items = samples(read("wide", MUENSTER))
    values = [int(one.value) for one in items if one.value]
    assert len({one.key for one in items}) == 634
    assert (len(values), len(items) - len(values), sum(values)) == (14_758, 458, 2_293_725)


@needs_samples
def test_the_day_of_a_table_stands_in_a_column_or_in_the_name() -> None:
    """F-CSV-5, F-CSV-4: the key stays text; a date column is read after the declared pattern."""
    first = samples(read("wide", SAMPLES / "csv" / "synthetic_wide_24h.csv"))[0]
    assert (first.key, first.begin) == ("MQ_1_FV1_G (7)", "2026-06-15T00:00:00")
    lines = ["Detektor;0:00", "007;12"]
    by_name = list(read_wide(lines, zone="UTC", name="day_2026-06-15"))
    assert by_name == [Sample(2, "007", "2026-06-15T00:00:00", "12")]
    american = ["Detektor;Datum;0:00", "7;06/15/2026;12"]
    (refused,) = read_wide(american, zone="UTC", dates="%d/%m/%Y")
    assert isinstance(refused, Refusal)
    with pytest.raises(SettingsError, match="no day"):
        list(read_wide(lines, zone="UTC"))


def test_the_twofold_hour_of_a_day_table_is_flagged() -> None:
    """F-CSV-5 with F-TIM-4: 24 columns cannot tell the two autumn hours apart."""
    lines = ["N 2026_10_25;1:00;2:00;3:00", "A;1;2;3"]
    items = samples(list(read_wide(lines, zone="Europe/Berlin")))
    assert [one.quality for one in items] == ["", "ambiguous_time", ""]


@needs_samples
def test_a_dry_run_shows_dialect_rows_as_stored_and_counts() -> None:
    """F-CSV-1."""
    twin = twin_with("9901/KFZ_R1", "9901/KFZ_R2")
    text = "\n".join(rehearse(twin, HOURLY, "bast-hourly").lines(is_dry=True))
    assert "read as format bast-hourly, utf-8, zone Europe/Berlin" in text
    assert "count-0 2026-06-14T23:00:00Z 123 back_filled" in text
    assert "8 would be stored" in text
    assert "values left out, of 22 series without a datastream" in text
    assert stored(twin) == []


@needs_samples
def test_a_file_twice_adds_nothing_and_a_changed_value_is_a_correction(tmp_path: Path) -> None:
    """F-CSV-3."""
    twin = twin_with("9901/KFZ_R1")
    assert run(twin, HOURLY, "bast-hourly", corrects=True).stored == 4
    again = run(twin, HOURLY, "bast-hourly", corrects=True)
    assert (again.stored, again.already) == (0, 4)
    changed = tmp_path / "hours.csv"
    changed.write_text(HOURLY.read_text("utf-8").replace(";01;123;", ";01;124;"), "utf-8")
    report = run(twin, changed, "bast-hourly", corrects=True)
    assert (report.corrected, report.duplicate) == (1, 3)
    assert stored(twin)[0][1] == 124


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_found(tmp_path: Path, encoding: str, end: str) -> None:
    """F-CSV-2."""
    file = tmp_path / "day_2026-06-15.csv"
    file.write_bytes(end.join(["Zählstelle;0:00", "Brücke;12", ""]).encode(encoding))
    (one,) = samples(read("wide", file))
    assert (one.key, one.value) == ("Brücke", "12")


def test_lock_files_are_refused_by_name(tmp_path: Path) -> None:
    """F-CSV-2."""
    file = tmp_path / ".~lock.day.csv#"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError, match="lock file"):
        read("wide", file)


def test_a_file_without_any_registered_series_names_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "day_2026-06-15.csv"
    file.write_text("N;0:00\nA;12\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="'A'"):
        run(twin_with("B"), file, "wide")


HEADS = {
    "berlin": [BERLIN_HEADER],
    "wide": ["N 2026_10_25;1:00;2:00"],
    "bast-hourly": ["Zst;Datum;Stunde;KFZ_R1;K_KFZ_R1;PLZ_R1;Pkw_R1;Lfw_R1;Mot_R1"],
    "bast-band": ["H99999901 14 B 999", "R01 01 N S;", "S01 01 KFZ Pkw;"],
}


@pytest.mark.parametrize("name", sorted(HEADS))
@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.text(st.sampled_from("0123456789;:.-ai HRS\t"), max_size=60), max_size=5))
def test_any_text_gives_samples_or_refusals(name: str, lines: list[str]) -> None:
    form = TrafficFormat(name, "counts", "Europe/Berlin")
    try:
        items = list(READERS[name]([*HEADS[name], *lines], form, ""))
    except SettingsError:
        return
    assert all(isinstance(one, Sample | Refusal | Finding) for one in items)
