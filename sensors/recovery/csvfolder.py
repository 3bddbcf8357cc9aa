"""Back-fill from a folder of CSV files, such as a data logger or a person leaves there."""

import csv
import logging
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from twin.errors import ModelError
from twin.model.datastreams import Datastream
from twin.model.messages import Observation
from twin.model.quality import from_keys
from twin.settings import Settings

logger = logging.getLogger(__name__)

MOST_FILES = 10_000
LARGEST_FILE_BYTES = 256 * 1024 * 1024
COLUMNS = ("key", "time", "value")


class CsvFolder:
    """Values of missing times from the ``*.csv`` files of a folder, in the order of their names.

    Columns ``key`` (route key or uid of the datastream), ``time`` (ISO 8601 with its zone),
    ``value`` (in the unit of the datastream's quantity), and if wanted ``quality`` (names of
    flags, separated by blanks). A line that cannot be read costs that line.

    Parameters
    ----------
    folder
        Where the files lie; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(
        self, streams: Sequence[Datastream], start: datetime, end: datetime
    ) -> Iterator[Observation]:
        """Values of these datastreams in (start, end)."""
        route_keys = {one.uid: one.route_key for one in streams}
        route_keys |= {one.route_key: one.route_key for one in streams}
        for file in self._files():
            unread = 0
            for row in _rows(file):
                found = _observation(row, route_keys)
                if isinstance(found, str):
                    unread += found == "unreadable"
                elif start < found.phenomenon_time < end:
                    yield found
            if unread:
                facts = {"file": file.name, "lines": unread, "wanted": ", ".join(COLUMNS)}
                logger.warning("backfill_lines_unread", extra=facts)

    def _files(self) -> list[Path]:
        files = sorted(self.folder.glob("*.csv")) if self.folder.is_dir() else []
        fitting = [file for file in files if file.stat().st_size <= LARGEST_FILE_BYTES]
        if len(fitting) < len(files) or len(files) > MOST_FILES:
            facts = {"files": len(files), "most": MOST_FILES, "most_bytes": LARGEST_FILE_BYTES}
            logger.warning("backfill_files_left_out", extra=facts)
        return fitting[:MOST_FILES]


def csv_folder(settings: Settings, source: str) -> CsvFolder:
    """The folder ``backfill/<source>`` in the data folder."""
    return CsvFolder(settings.data_dir / "backfill" / source)


def _rows(file: Path) -> Iterator[dict[str, str | None]]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        try:
            yield from csv.DictReader(stream)
        except csv.Error as error:
            facts = {"file": file.name, "reason": str(error)}
            logger.warning("backfill_file_unreadable", extra=facts)


def _observation(row: dict[str, str | None], route_keys: dict[str, str]) -> Observation | str:
    """The value of a line; else ``foreign`` or ``unreadable``."""
    key, time, value = (row.get(name) for name in COLUMNS)
    if key is None or time is None or value is None:
        return "unreadable"
    route_key = route_keys.get(key)
    if route_key is None:
        return "foreign"
    try:
        moment = datetime.fromisoformat(time)
        number = float(value)
        flags = from_keys((row.get("quality") or "").split())
        if moment.tzinfo is None or not math.isfinite(number):
            return "unreadable"
        instant = moment.astimezone(UTC)
    except (ValueError, OverflowError, ModelError):
        return "unreadable"
    device, _, path = route_key.partition("#")
    return Observation(device, path, instant, number, int(flags))
