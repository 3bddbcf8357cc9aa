"""The last sequence numbers, kept in a file across restarts of the ingester."""

import json
import logging
import os
from pathlib import Path
from zlib import crc32

import numpy as np

from sensors.rules.sequences import Counters
from twin.settings import Settings

logger = logging.getLogger(__name__)

LARGEST_BYTES = 1024**3
_COLUMNS = ("newest", "time_us", "offset", "size")


def packed(counters: Counters) -> bytes:
    """Counters as the bytes of a file: a line with the CRC-32 of what follows, then JSON.

    Examples
    --------
    >>> one = np.ones(1, np.int64)
    >>> unpacked(packed(Counters((("demo", "a"),), one, one, one, one))).names
    (('demo', 'a'),)
    """
    columns = {name: getattr(counters, name).tolist() for name in _COLUMNS}
    content = json.dumps({"names": counters.names, **columns}).encode()
    return b"%08x\n%b" % (crc32(content), content)


def unpacked(content: bytes) -> Counters:
    """Counters of such bytes; ValueError where they are not whole."""
    checksum, _, rest = content.partition(b"\n")
    if checksum != b"%08x" % crc32(rest):
        raise ValueError("the checksum of the counters is wrong")
    found = json.loads(rest)
    names = tuple((source, key) for source, key in found["names"])
    return Counters(names, *(np.array(found[name], np.int64) for name in _COLUMNS))


class CounterFile:
    """The file of one ingester; without it a gap across a restart is not seen.

    It may be older than what is stored: whoever finds a gap at a counter of it asks the store.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Counters | None:
        """What was kept last; None if there is nothing whole."""
        try:
            if not self._file.exists() or self._file.stat().st_size > LARGEST_BYTES:
                return None
            return unpacked(self._file.read_bytes())
        except (OSError, ValueError) as error:
            logger.warning("counters_unreadable", extra={"reason": str(error)})
            return None

    def write(self, counters: Counters) -> None:
        """Replace the file; it survives a power failure as a whole."""
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                stream.write(packed(counters))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(self._file)
        except OSError as error:
            logger.warning("counters_not_written", extra={"reason": str(error)})


def counter_file(settings: Settings) -> CounterFile:
    """The file of the ingester with these settings."""
    return CounterFile(settings.data_dir / "learned" / f"numbers-{settings.ingest.instance}.json")
