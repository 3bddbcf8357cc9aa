"""Files of traffic counts as chunks of readings, like those of the plain table.

The reader of a format gives samples; those of registered datastreams go through the rules of every
import. Samples of other series are counted by key and left out.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from sensors.history import bast_band, bast_hourly, detectors, widecsv
from sensors.history.csvtable import TableMapping, read_table
from sensors.history.importfile import (
    CHUNK_ROWS,
    Chunk,
    Finding,
    ReadingsMapping,
    Refusal,
    RowReader,
)
from sensors.history.samples import Item, Sample, opened
from twin.errors import SettingsError
from twin.model.datastreams import Datastream

HEADER = ("route_key", "time", "value", "quality", "unit")
HOUR_S = 3600.0
NO_HOUR = "does not exist in"
KEYS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TrafficFormat:
    """Which format a file has and what it does not say itself.

    Parameters
    ----------
    name
        Key of `READERS`.
    source
        Source of its datastreams; with the key of a series it finds one.
    zone
        Zone of its local times.
    encoding
        Of its text; empty to find it.
    dates
        Pattern of dates, for formats that leave it open.
    delimiter
        Between cells, for formats that leave it open.
    table
        Columns of format ``csv``.
    """

    name: str
    source: str
    zone: str = ""
    encoding: str = ""
    dates: str = widecsv.DATES
    delimiter: str = ";"
    table: TableMapping | None = None


Reading = Callable[[Iterable[str], TrafficFormat, str], Iterator[Item]]


def _csv(lines: Iterable[str], form: TrafficFormat, _name: str) -> Iterator[Item]:
    if form.table is None:
        raise SettingsError("--format csv needs --map: a mapping file with the table [csv]")
    return read_table(lines, form.table)


READERS: dict[str, Reading] = {
    "csv": _csv,
    "berlin": lambda lines, form, _name: detectors.read_berlin(lines, zone=form.zone),
    "wide": lambda lines, form, name: widecsv.read_wide(
        lines, zone=form.zone, name=name, dates=form.dates, delimiter=form.delimiter
    ),
    "bast-hourly": lambda lines, _form, _name: bast_hourly.read_bast_hourly(lines),
    "bast-band": lambda lines, _form, _name: bast_band.read_bast_band(lines),
}
ZONES = {"berlin": detectors.ZONE}


def declared(form: TrafficFormat) -> TrafficFormat:
    """The format with the zone that it always has.

    Raises
    ------
    SettingsError
        If source or zone is needed and not told.
    """
    form = replace(form, zone=form.zone or ZONES.get(form.name, ""))
    if not form.source:
        raise SettingsError(
            f"--format {form.name} needs --source: the source of its datastreams in datastreams.csv"
        )
    if not form.zone:
        raise SettingsError(
            f"--format {form.name} needs --zone: the file does not tell it; Europe/Berlin, or "
            "Etc/GMT-1 for a file in standard time all year"
        )
    try:
        ZoneInfo(form.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"zone {form.zone!r} is unknown; use Europe/Berlin") from None
    return form


def format_chunks(
    file: Path, form: TrafficFormat, datastreams: Sequence[Datastream]
) -> Iterator[Chunk]:
    """Samples of a file in chunks of a fixed size, the same in every run.

    Raises
    ------
    SettingsError
        If the file cannot be read, or none of its series is registered; says what to do.
    """
    period_s = HOUR_S if form.table is None else form.table.time.period_s
    routes = {stream.route_key for stream in datastreams if stream.source == form.source}
    mapping = ReadingsMapping(one_source=form.source, zone=form.zone, period_s=period_s)
    rows = RowReader(HEADER, mapping, datastreams, where=str(file))
    left_out: Counter[str] = Counter()
    is_any = False
    with opened(file, form.encoding) as (lines, encoding):
        dialect = f"format {form.name}, {encoding}, zone {form.zone}"
        items = READERS[form.name](lines, form, file.stem)
        while listed := list(itertools.islice(items, CHUNK_ROWS)):
            samples = [one for one in listed if isinstance(one, Sample)]
            wanted = [one for one in samples if one.key in routes]
            left_out.update(one.key for one in samples if one.key not in routes)
            is_any = is_any or bool(wanted)
            chunk = _chunk(rows, wanted)
            unread = [one for one in listed if isinstance(one, Refusal)]
            chunk.refused += unread
            chunk.rows += len(unread)
            chunk.findings += [one for one in listed if isinstance(one, Finding)]
            chunk.dialect = dialect
            yield chunk
    if left_out and not is_any:
        raise SettingsError(_nothing_known(file, form, left_out))
    yield replace(_chunk(rows, []), left_out=left_out, dialect=dialect)


def _chunk(rows: RowReader, samples: Sequence[Sample]) -> Chunk:
    columns = [[getattr(one, name) for one in samples]
               for name in ("key", "begin", "value", "quality", "unit")]  # fmt: skip
    chunk = rows.chunk(0, columns, {})
    line = np.array([one.line for one in samples], np.int64)
    refused = [replace(one, line=samples[one.line].line) for one in chunk.refused]
    lost = [one for one in refused if NO_HOUR in one.detail]
    findings = [
        Finding(one.line, f"{one.detail}: is the file in standard time all year? Then say --zone "
                "Etc/GMT-1")
        for one in lost[:1]
    ]  # fmt: skip
    return replace(chunk, line=line[chunk.line], refused=refused, findings=findings)


def _nothing_known(file: Path, form: TrafficFormat, left_out: Counter[str]) -> str:
    keys = ", ".join(repr(key) for key, _ in left_out.most_common(KEYS_SHOWN))
    more = f" and {len(left_out) - KEYS_SHOWN} more" if len(left_out) > KEYS_SHOWN else ""
    return (
        f"{file}: none of its series is registered with source {form.source!r}; they are {keys}"
        f"{more}. Add the wanted ones to datastreams.csv with this source and route key, then "
        "`twin load`"
    )
