"""Readings in full resolution as files, piece by piece; pure but for the format's library.

Every row carries its unit, quality in words and provenance, so that a file cut out of a file still
says what it is. What holds for the whole file stands in the schema metadata of a Parquet file.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboards.listing import neutral
from twin.model.datastreams import Datastream
from twin.model.observations import Readings
from twin.model.quality import keys
from twin.model.quantities import quantity
from twin.model.tables import rows

COLUMNS = (
    "datastream", "time", "value", "unit", "quality", "quantity", "provenance",
    "asset", "component", "sensor", "source", "licence", "validity",
)  # fmt: skip
NOT_STATED = "not stated"
"""A city folder names the licences of its references; of readings it names none yet."""
METADATA_KEY = b"stadtzwilling"
GROUP_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Export:
    """What a file holds besides its rows: city, datastreams, span and the time it was made.

    ``validity`` marks by uid the datastreams that rest on models: whether these hold when the file
    is made, since when not, and why.
    """

    city: str
    streams: Sequence[Datastream]
    start: datetime
    end: datetime
    made_at: datetime
    as_of: datetime | None = None
    validity: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def csv_pieces(export: Export, pages: Iterable[Readings]) -> Iterator[bytes]:
    """The file as CSV in UTF-8: one header, then the rows of each page.

    Times are ISO 8601 in UTC, numbers are written so that reading them gives the same value, and
    texts that a spreadsheet would take for a formula are neutralised.
    """
    yield (",".join(COLUMNS) + "\r\n").encode()
    ends = {stream.number: _csv_facts(export, stream) for stream in export.streams}
    words = _QualityWords()
    for page in pages:
        number = int(page.number[0])
        uid, unit, rest = ends[number]
        times = np.datetime_as_string(page.time_us.astype("datetime64[us]"))
        lines = (
            f"{uid},{time}Z,{value!r},{unit},{flags},{rest}\r\n"
            for time, value, flags in zip(
                times.tolist(), page.value.tolist(), words.of(page.quality), strict=True
            )
        )
        yield "".join(lines).encode()


def _csv_facts(export: Export, stream: Datastream) -> tuple[str, str, str]:
    facts = _facts(export, stream)
    return (
        _csv_cells([facts["datastream"]]),
        _csv_cells([facts["unit"]]),
        _csv_cells([facts[name] for name in COLUMNS[5:]]),
    )


def _csv_cells(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([neutral(cell) for cell in cells])
    return out.getvalue()


def _facts(export: Export, stream: Datastream) -> dict[str, str]:
    return {
        "datastream": stream.uid,
        "unit": quantity(stream.quantity).unit,
        "quantity": stream.quantity,
        "provenance": stream.provenance,
        "asset": stream.asset_id,
        "component": stream.component_id or "",
        "sensor": stream.sensor_id,
        "source": stream.source,
        "licence": NOT_STATED,
        "validity": _mark(export.validity.get(stream.uid)),
    }


def _mark(validity: Mapping[str, Any] | None) -> str:
    """Verdict on the models below a datastream, since when, and why; empty without a model."""
    if validity is None or validity["verdict"] == "valid":
        return "" if validity is None else "valid"
    since = f" since {validity['since']}" if validity["since"] else ""
    return f"{validity['verdict']}{since}: {'; '.join(validity['reasons']['en'])}"


class _QualityWords:
    """Names of the bits of each mask, looked up once per mask."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, quality: NDArray[np.int16]) -> list[str]:
        """Names per row, separated by spaces; empty is good."""
        for mask in np.unique(quality).tolist():
            self._known.setdefault(mask, " ".join(keys(mask)))
        known = self._known
        return [known[mask] for mask in quality.tolist()]


def parquet_pieces(export: Export, pages: Iterable[Readings]) -> Iterator[bytes]:
    """The file as Parquet: pages merged into row groups, facts in columns and in the metadata."""
    import pyarrow as pa  # noqa: PLC0415 - 0.1 s and 60 MB that only this file needs
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    text = pa.dictionary(pa.int32(), pa.string())
    kinds = dict.fromkeys(COLUMNS, text) | {
        "time": pa.timestamp("us", tz="UTC"),
        "value": pa.float64(),
    }
    described = json.dumps(metadata(export), ensure_ascii=False).encode()
    schema = pa.schema(list(kinds.items()), metadata={METADATA_KEY: described})
    facts = {stream.number: _facts(export, stream) for stream in export.streams}
    words = _QualityWords()
    sink = _Pieces()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(pages):
            numbers, place = np.unique(group.number, return_inverse=True)
            rows_of = pa.array(place.astype(np.int32))
            columns = {
                name: pa.array([facts[number][name] for number in numbers.tolist()])
                .dictionary_encode()
                .take(rows_of)
                for name in COLUMNS
                if name in facts[int(numbers[0])]
            }
            columns["time"] = pa.array(group.time_us, pa.int64()).cast(kinds["time"])
            columns["value"] = pa.array(group.value)
            columns["quality"] = pa.array(words.of(group.quality)).dictionary_encode()
            table = pa.Table.from_arrays([columns[name] for name in COLUMNS], schema=schema)
            writer.write_table(table, row_group_size=len(group))
            yield sink.taken()
    yield sink.taken()


def _groups(pages: Iterable[Readings]) -> Iterator[Readings]:
    """Pages merged until a row group is full: blocks of waveforms may be very short."""
    waiting: list[Readings] = []
    count = 0
    for page in pages:
        if waiting and count + len(page) > GROUP_ROWS:
            yield _together(waiting)
            waiting, count = [], 0
        waiting.append(page)
        count += len(page)
    if waiting:
        yield _together(waiting)


def _together(pages: Sequence[Readings]) -> Readings:
    return Readings(
        number=np.concatenate([page.number for page in pages]),
        time_us=np.concatenate([page.time_us for page in pages]),
        value=np.concatenate([page.value for page in pages]),
        quality=np.concatenate([page.quality for page in pages]),
    )


class _Pieces(io.RawIOBase):
    """A file that only grows; what was written since the last time can be taken out."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        """Bytes since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def metadata(export: Export) -> dict[str, object]:
    """Facts about the whole file."""
    return {
        "city": export.city,
        "made_at": export.made_at.isoformat(),
        "from": export.start.isoformat(),
        "before": export.end.isoformat(),
        "as_of": None if export.as_of is None else export.as_of.isoformat(),
        "time": "UTC; the label of an interval is its end",
        "quality": {row["key"]: row["meaning"] for row in rows("quality_flags")},
        "validity": "whether models that a datastream rests on held when the file was made",
        "datastreams": [
            {
                **_facts(export, stream),
                "validity": export.validity.get(stream.uid),
                "name": stream.name,
                "cadence_s": stream.cadence_s,
            }
            for stream in export.streams
        ],
    }


Pieces = Callable[[Export, Iterable[Readings]], Iterator[bytes]]
FORMATS: Mapping[str, tuple[Pieces, str]] = {
    "csv": (csv_pieces, "text/csv; charset=utf-8"),
    "parquet": (parquet_pieces, "application/vnd.apache.parquet"),
}
"""How a file of each format is made, and its media type."""
