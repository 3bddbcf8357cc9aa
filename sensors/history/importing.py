"""The job ``import``: bring recorded files into the twin, such as ``twin import readings FILE``.

What can be imported is an entry point of group ``stadtzwilling.importers``: a function of settings
and arguments that returns the exit code, like a job.
"""

import argparse
import hashlib
import sqlite3
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from sensors.history.csvtable import table_mapping
from sensors.history.formats import READERS, TrafficFormat, declared, format_chunks
from sensors.history.importfile import Chunk, ReadingsMapping, Refusal, chunks, read_mapping
from sensors.history.reporting import Report, refusal_file
from sensors.history.widecsv import DATES
from sensors.policies import time_policy
from sensors.routing import StreamTable
from sensors.rules.quality import TimePolicy, judge_columns
from twin.city import Twin
from twin.errors import SettingsError, StoreUnavailableError
from twin.model.observations import Batch, Readings, Tally
from twin.model.quality import Quality
from twin.model.times import EPOCH, from_us, to_us
from twin.plugins import find, load
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

Importer = Callable[[Settings, Sequence[str]], int]
Answer = TypeVar("Answer")

DAY_US = 86_400_000_000
PROGRESS_S = 2.0
ROOM_WAIT_S = 30.0
AWAY_WAIT_S = 5.0
MOST_AWAY = 60
STOPPED = 3
HASH_BLOCK = 1 << 20


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Import something; exit code of the importer."""
    known = sorted(find("importers"))
    parser = argparse.ArgumentParser(
        prog="twin import", description="Bring recorded files into the twin."
    )
    parser.add_argument("kind", choices=known, help="what the file holds")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="see twin import KIND --help")
    options = parser.parse_args(arguments)
    importer = cast("Importer", load("importers", options.kind))
    return importer(settings, options.rest)


def import_readings(settings: Settings, arguments: Sequence[str]) -> int:
    """Import readings; 0 if every row is in the store, 1 if some were refused, 3 if stopped."""
    options = _parser().parse_args(arguments)
    form = _format(options)
    mapping = ReadingsMapping() if form else _mapping(options)
    stop = stop_on_signal()
    twin = open_twin(settings, role="ingest")
    try:
        with refusal_file(options.rejects, options.file) as tell_refused:
            job = ReadingsImport(
                twin,
                mapping=mapping,
                form=form,
                policy=time_policy(settings),
                correcting=frozenset(one.name for one in settings.source if one.corrections),
                tell_refused=tell_refused,
            )
            if options.dry_run:
                report = job.rehearse(options.file, say=_say, stop=stop)
            else:
                report = job.run(options.file, say=_say, stop=stop, is_again=options.again)
    finally:
        twin.close()
    sys.stdout.write("".join(f"{line}\n" for line in report.lines(is_dry=options.dry_run)))
    if stop.is_set():
        return STOPPED
    return 1 if report.refused or report.conflict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import readings",
        description="Import readings from a CSV or Parquet file. The same file again changes "
        "nothing; an interrupted import goes on where it was.",
    )
    parser.add_argument("file", type=Path, help="file ending in .csv or .parquet")
    parser.add_argument(
        "--format",
        choices=["table", *READERS],
        default="table",
        help="table: one reading a row (default); the others are files of traffic counts",
    )
    parser.add_argument("--source", help="with --format: source of the datastreams")
    parser.add_argument("--encoding", help="with --format: encoding, else it is found")
    parser.add_argument("--dates", help="with --format wide: pattern of dates, such as %%d.%%m.%%Y")
    parser.add_argument("--map", type=Path, help="mapping file (TOML); see docs/import.md")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would happen, store nothing"
    )
    parser.add_argument("--delimiter", help="between columns; 'tab' for a tabulator")
    parser.add_argument("--decimal", choices=[".", ","], help="decimal sign")
    parser.add_argument("--zone", help="time zone of local times, for example Europe/Berlin")
    parser.add_argument("--rejects", type=Path, help="write every refused row with its reason here")
    parser.add_argument(
        "--again", action="store_true", help="look at every row again, also of a finished import"
    )
    return parser


def _format(options: argparse.Namespace) -> TrafficFormat | None:
    """The format of traffic counts; None for the plain table.

    Raises
    ------
    SettingsError
        If an option does not belong to the format, or is missing.
    """
    own = {name: getattr(options, name) for name in ("source", "encoding", "dates")}
    told = {name: text for name, text in own.items() if text is not None}
    if options.format == "table":
        if told:
            raise SettingsError(
                f"--{min(told)} belongs to --format; in a plain table the mapping file says it"
            )
        return None
    if options.format == "csv":
        return _table_format(options, told)
    if options.map is not None or options.decimal is not None:
        raise SettingsError(f"--format {options.format} has its own columns: no --map, --decimal")
    tab = {"tab": "\t", "\\t": "\t"}
    form = TrafficFormat(
        options.format,
        options.source or "",
        zone=options.zone or "",
        encoding=options.encoding or "",
        dates=options.dates or DATES,
        delimiter=tab.get(options.delimiter, options.delimiter) or ";",
    )
    return declared(form)


def _table_format(options: argparse.Namespace, told: Mapping[str, str]) -> TrafficFormat:
    if options.map is None or options.decimal or options.delimiter or "dates" in told:
        raise SettingsError("--format csv needs --map; signs and dates stand in its table [csv]")
    table = table_mapping(_content(options.map), str(options.map))
    return declared(
        TrafficFormat(
            "csv",
            told.get("source", ""),
            zone=options.zone or table.zone,
            encoding=told.get("encoding", table.encoding),
            table=table,
        )
    )


def _content(file: Path | None) -> dict[str, object]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None


def _mapping(options: argparse.Namespace) -> ReadingsMapping:
    content = _content(options.map)
    mapping = read_mapping(content, str(options.map))
    tab = {"tab": "\t", "\\t": "\t"}
    delimiter = tab.get(options.delimiter, options.delimiter)
    mapping = replace(
        mapping,
        delimiter=mapping.delimiter if delimiter is None else delimiter,
        decimal=options.decimal or mapping.decimal,
        zone=options.zone or mapping.zone,
    )
    if len(mapping.delimiter) != 1:
        raise SettingsError(f"--delimiter is one character or 'tab', got {mapping.delimiter!r}")
    return mapping


class ReadingsImport:
    """Imports readings through the quality rules of live data and `Twin.record`.

    Parameters
    ----------
    twin
        The city.
    mapping
        Which column is what.
    form
        Instead of a mapping: the format of a file of traffic counts.
    policy
        Which times are accepted; being late is no reason to refuse here.
    correcting
        Sources whose later value of a time replaces the earlier one.
    tell_refused
        Called with each refused row; the report keeps examples only.
    """

    def __init__(
        self,
        twin: Twin,
        *,
        mapping: ReadingsMapping,
        policy: TimePolicy,
        form: TrafficFormat | None = None,
        correcting: frozenset[str] = frozenset(),
        tell_refused: Callable[[Refusal], None] | None = None,
    ) -> None:
        self._tell_refused = tell_refused
        self._twin = twin
        self._mapping = mapping
        self._form = form
        self._policy = replace(policy, treatments={})
        self._correcting = correcting
        self._datastreams = twin.datastreams()
        self._table = StreamTable(self._datastreams)
        self._uids = {stream.number: stream.uid for stream in self._datastreams}

    def run(
        self,
        file: Path,
        *,
        say: Callable[[str], None],
        stop: threading.Event,
        is_again: bool = False,
    ) -> Report:
        """Import a file; what was committed stays when it is stopped."""
        incarnation = uuid4() if is_again else self.incarnation(file)
        report = Report()
        progress = _Progress(say)
        for sequence, chunk in enumerate(self._chunks(file), 1):
            accepted = self._judged(chunk, report)
            if not self._wait_for_room(accepted, say=say, stop=stop):
                break
            batch = Batch(
                incarnation,
                sequence,
                readings=accepted,
                tallies=self._tallies(accepted),
                correcting=self._correcting,
            )
            if not self._record(batch, report, say=say, stop=stop):
                break
            progress.tell(report)
        return report

    def rehearse(self, file: Path, *, say: Callable[[str], None], stop: threading.Event) -> Report:
        """What `run` would do, without storing anything."""
        report = Report()
        progress = _Progress(say)
        with closing(_Fresh()) as fresh:
            for chunk in self._chunks(file):
                accepted = self._judged(chunk, report)
                report.show(accepted, self._uids)
                fresh.count(self._compare(accepted, report), report)
                progress.tell(report)
                if stop.is_set():
                    break
        return report

    def incarnation(self, file: Path) -> UUID:
        """Identity of an import: same file, mapping, registry and rules give the same one."""
        digest = hashlib.sha256()
        try:
            with file.open("rb") as content:
                while block := content.read(HASH_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
        facts = (self._form or self._mapping, self._policy, sorted(self._correcting))
        digest.update(f"{facts!r}{self._twin.registry_version()}".encode())
        return UUID(bytes=digest.digest()[:16])

    def _chunks(self, file: Path) -> Iterator[Chunk]:
        if self._form is not None:
            return format_chunks(file, self._form, self._datastreams)
        return chunks(file, self._mapping, self._datastreams)

    def _judged(self, chunk: Chunk, report: Report) -> Readings:
        report.rows += chunk.rows
        report.missing += chunk.missing
        report.note(chunk)
        for refusal in chunk.refused:
            self._refuse(refusal, report)
        readings = chunk.readings
        accepted, rejections = judge_columns(
            readings.number,
            readings.time_us,
            readings.value,
            readings.quality,
            to_us(self._twin.now()),
            streams=self._table,
            policy=self._policy,
        )
        line = {
            (number, time_us): place
            for number, time_us, place in zip(
                readings.number.tolist(), readings.time_us.tolist(), chunk.line.tolist(),
                strict=True,
            )
        } if rejections else {}  # fmt: skip
        for one in rejections:
            key = (one.datastream_number or 0, one.time_us or 0)
            detail = f"{self._uids.get(key[0], '')}: {one.detail}"
            self._refuse(Refusal(line.get(key, 0), one.reason, detail), report)
        quality = (accepted.quality & ~np.int16(int(Quality.LATE))) | np.int16(
            int(Quality.BACK_FILLED)
        )
        return replace(accepted, quality=quality)

    def _refuse(self, refusal: Refusal, report: Report) -> None:
        report.refuse(refusal)
        if self._tell_refused is not None:
            self._tell_refused(refusal)

    def _tallies(self, readings: Readings) -> dict[str, Tally]:
        columns = self._table.columns
        source = columns.source[columns.rows(readings.number)]
        counts = np.bincount(source, minlength=len(columns.sources)).tolist()
        named = zip(columns.sources, counts, strict=True)
        return {name: Tally(received=count) for name, count in named if count}

    def _wait_for_room(
        self, readings: Readings, *, say: Callable[[str], None], stop: threading.Event
    ) -> bool:
        """Wait until the store has room for the days; False if stopped meanwhile."""
        days = {
            EPOCH.date() + timedelta(days=day)
            for day in np.unique(readings.time_us // DAY_US).tolist()
        }
        is_told = False
        while not stop.is_set():
            full = self._patient(lambda: self._twin.prepare_days(days), say=say, stop=stop)
            if full is None:
                return False
            if not full:
                return True
            if not is_told:
                say(
                    f"waiting for room for {len(full)} days from {min(full)} on: the database "
                    "makes a limited number of new days in an hour\n"
                )
                is_told = True
            stop.wait(ROOM_WAIT_S)
        return False

    def _record(
        self, batch: Batch, report: Report, *, say: Callable[[str], None], stop: threading.Event
    ) -> bool:
        result = self._patient(lambda: self._twin.record(batch), say=say, stop=stop)
        if result is None:
            return False
        if result.repeated:
            report.already += len(batch.readings)
        report.stored += result.stored
        report.duplicate += result.duplicate
        report.conflict += result.conflict
        report.corrected += result.corrected
        return True

    def _patient(
        self, call: Callable[[], Answer], *, say: Callable[[str], None], stop: threading.Event
    ) -> Answer | None:
        """The answer of the store, asked again while it is away; None if stopped meanwhile."""
        for attempt in range(MOST_AWAY + 1):
            if stop.is_set():
                return None
            try:
                return call()
            except StoreUnavailableError as error:
                if attempt == MOST_AWAY:
                    raise
                if attempt == 0:
                    say(f"waiting for the database: {error}\n")
                stop.wait(AWAY_WAIT_S)
        return None

    def _compare(self, readings: Readings, report: Report) -> Readings:
        """The readings that the store does not have; counts those that it has."""
        is_fresh = np.ones(len(readings), dtype=np.bool_)
        for number in np.unique(readings.number).tolist():
            rows = np.flatnonzero(readings.number == number)
            time_us = readings.time_us[rows]
            stored = self._twin.rows(
                [self._uids[number]],
                start=from_us(int(time_us.min())),
                end=from_us(int(time_us.max()) + 1),
            )
            for page in stored:
                place = np.searchsorted(page.time_us, time_us).clip(max=len(page) - 1)
                is_there = page.time_us[place] == time_us
                is_equal = is_there & (page.value[place] == readings.value[rows])
                report.duplicate += int(is_equal.sum())
                is_other = is_there & ~is_equal
                self._count_contradictions(number, int(is_other.sum()), report)
                is_fresh[rows[is_there]] = False
        return _taken(readings, is_fresh)

    def _count_contradictions(self, number: int, count: int, report: Report) -> None:
        row = int(self._table.columns.rows(np.array([number], np.int32))[0])
        if self._table.columns.sources[self._table.columns.source[row]] in self._correcting:
            report.stored += count
            report.corrected += count
        else:
            report.conflict += count


def _taken(readings: Readings, rows: NDArray[np.generic]) -> Readings:
    return Readings(
        number=readings.number[rows],
        time_us=readings.time_us[rows],
        value=readings.value[rows],
        quality=readings.quality[rows],
    )


class _Fresh:
    """What a rehearsal has seen: each time of a datastream once, in a temporary file."""

    def __init__(self) -> None:
        self._seen = sqlite3.connect("")
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute(
            "CREATE TABLE seen (number, time_us, value, PRIMARY KEY (number, time_us)) "
            "WITHOUT ROWID"
        )
        self._seen.execute("CREATE TABLE given (number, time_us, value)")

    def count(self, readings: Readings, report: Report) -> None:
        """Count what is new; repeats inside the file apart."""
        columns = (readings.number, readings.time_us, readings.value)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        self._seen.execute("DELETE FROM given")
        self._seen.executemany("INSERT INTO given VALUES (?, ?, ?)", rows)
        added = self._seen.execute("INSERT OR IGNORE INTO seen SELECT * FROM given").rowcount
        (conflict,) = self._seen.execute(
            "SELECT count(*) FROM given JOIN seen USING (number, time_us) "
            "WHERE given.value <> seen.value"
        ).fetchone()
        report.stored += added
        report.conflict += conflict
        report.duplicate += len(readings) - added - conflict

    def close(self) -> None:
        """Forget it."""
        self._seen.close()


class _Progress:
    """Says every two seconds how far the import is."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = self._told = time.monotonic()

    def tell(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._told < PROGRESS_S:
            return
        self._told = now
        rate = report.rows / (now - self._begun)
        refused = report.refused.total() + report.conflict
        self._say(f"{report.rows:,} rows, {rate:,.0f} rows/s, {refused:,} refused\n")


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
