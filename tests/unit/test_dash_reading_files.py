"""Readings as files: what is read back equals what was stored, in constant memory."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from town import HOSTILE, START, Town

from dashboards.api.reading_files import COLUMNS, FORMATS, METADATA_KEY, Export
from twin.model.observations import Readings
from twin.model.quality import Quality
from twin.model.times import to_us

MILLION = 1_000_000
PAGE = 65_536


def export_of(town: Town, *uids: str) -> Export:
    return Export(
        city="Musterstadt",
        streams=tuple(town.twin.datastream(uid) for uid in uids),
        start=START - timedelta(hours=1),
        end=START,
        made_at=START,
    )


def file_of(form: str, export: Export, pages: Iterator[Readings]) -> bytes:
    return b"".join(FORMATS[form][0](export, pages))


def recorded() -> tuple[Town, Export]:
    town = Town()
    town.record({"B1-strain": 0.1 + 0.2}, age_s=30.0)
    town.record({"B1-strain": -1e-9}, age_s=15.0, quality=int(Quality.SUSPECT | Quality.LATE))
    town.record({"B1-temp": 21.5}, age_s=20.0)
    return town, export_of(town, "B1-strain", "B1-temp")


def pages_of(town: Town, export: Export) -> Iterator[Readings]:
    uids = [stream.uid for stream in export.streams]
    return town.twin.rows(uids, start=export.start, end=export.end)


def test_a_csv_file_gives_back_every_value_with_unit_quality_and_provenance() -> None:
    town, export = recorded()
    text = file_of("csv", export, pages_of(town, export)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["value"]) for row in rows] == [0.1 + 0.2, -1e-9, 21.5]
    assert rows[0]["time"] == "2026-11-22T07:59:30.000000Z"
    assert rows[1]["quality"] == "suspect late simulated"
    assert [row["unit"] for row in rows] == ["um/m", "um/m", "Cel"]
    assert {row["provenance"] for row in rows} == {"simulated"}
    assert (rows[0]["asset"], rows[0]["component"], rows[0]["licence"]) == (
        "B1", "B1/mid", "not stated",
    )  # fmt: skip


def test_a_parquet_file_gives_back_the_same_rows_and_says_what_it_is(tmp_path: Path) -> None:
    town, export = recorded()
    file = tmp_path / "readings.parquet"
    file.write_bytes(file_of("parquet", export, pages_of(town, export)))
    table = pq.read_table(file)
    assert tuple(table.column_names) == COLUMNS
    assert table["value"].to_pylist() == [0.1 + 0.2, -1e-9, 21.5]
    assert table["time"].to_pylist()[0] == START - timedelta(seconds=30)
    assert table["quality"].to_pylist()[1] == "suspect late simulated"
    facts = json.loads(table.schema.metadata[METADATA_KEY])
    assert facts["city"] == "Musterstadt"
    assert [row["unit"] for row in facts["datastreams"]] == ["um/m", "Cel"]
    assert "suspect" in facts["quality"]
    assert [row["validity"] for row in facts["datastreams"]] == [None, None]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_that_rest_on_a_failed_model_say_so_since_when_and_why(
    form: str, tmp_path: Path
) -> None:
    town, export = recorded()
    mark = {
        "verdict": "not_valid",
        "since": "2026-11-20T06:00:00+00:00",
        "reasons": {"de": ["gilt nicht"], "en": ["=off by 40 %", "and more"]},
    }
    export = replace(export, validity={"B1-temp": mark})
    data = file_of(form, export, pages_of(town, export))
    said = "not_valid since 2026-11-20T06:00:00+00:00: =off by 40 %; and more"
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert [row["validity"] for row in rows] == ["", "", said]
        return
    file = tmp_path / "readings.parquet"
    file.write_bytes(data)
    table = pq.read_table(file)
    assert table["validity"].to_pylist() == ["", "", said]
    facts = json.loads(table.schema.metadata[METADATA_KEY])
    assert facts["datastreams"][1]["validity"] == mark


def test_short_pages_are_merged_into_row_groups_of_a_parquet_file(tmp_path: Path) -> None:
    town = Town()
    export = export_of(town, "B1-strain", "B1-temp")
    numbers = [stream.number or 0 for stream in export.streams]
    pages = [
        Readings(
            number=np.full(100, numbers[row // 1000], np.int32),
            time_us=to_us(START) + (row * 100 + np.arange(100)) * 10_000,
            value=np.arange(100, dtype=np.float64) + 100 * row,
            quality=np.zeros(100, np.int16),
        )
        for row in range(2000)
    ]
    file = tmp_path / "readings.parquet"
    file.write_bytes(file_of("parquet", export, iter(pages)))
    with pq.ParquetFile(file) as opened:
        assert opened.metadata.num_row_groups == -(-200_000 // PAGE)
        table = opened.read()
    assert table["value"].to_pylist() == list(range(200_000))
    assert table["datastream"].to_pylist() == ["B1-strain"] * 100_000 + ["B1-temp"] * 100_000
    assert set(table["unit"].to_pylist()[100_000:]) == {"Cel"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_span_without_readings_is_a_file_without_rows(form: str, tmp_path: Path) -> None:
    town = Town()
    data = file_of(form, export_of(town, "B1-temp"), iter(()))
    if form == "csv":
        assert data.decode() == ",".join(COLUMNS) + "\r\n"
    else:
        file = tmp_path / "empty.parquet"
        file.write_bytes(data)
        assert pq.read_table(file).num_rows == 0


def test_a_name_that_looks_like_a_formula_is_neutralised() -> None:
    town, export = recorded()
    evil = replace(export.streams[0], uid="=cmd()", asset_id=f'a"{HOSTILE},x')
    changed = replace(export, streams=(evil, export.streams[1]))
    text = file_of("csv", changed, pages_of(town, export)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert (rows[0]["datastream"], rows[0]["asset"]) == ("'=cmd()", f'a"{HOSTILE},x')


def many(number: int) -> Iterator[Readings]:
    generator = np.random.default_rng(1)
    for first in range(0, MILLION, PAGE):
        count = min(PAGE, MILLION - first)
        yield Readings(
            number=np.full(count, number, np.int32),
            time_us=to_us(START) + (first + np.arange(count, dtype=np.int64)) * 1000,
            value=generator.normal(size=count),
            quality=np.zeros(count, np.int16),
        )


@pytest.mark.parametrize("form", FORMATS)
def test_a_million_rows_need_no_more_memory_than_some_pages(form: str) -> None:
    town = Town()
    export = export_of(town, "B1-strain")
    total, most = 0, 0
    tracemalloc.start()
    try:
        for piece in FORMATS[form][0](export, many(export.streams[0].number or 0)):
            total += len(piece)
            most = max(most, len(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 8 * MILLION
    assert most < 12 * PAGE * len(COLUMNS) * 2
    # the whole file as CSV is about 120 MB
    assert peak < 48 * 1024 * 1024
