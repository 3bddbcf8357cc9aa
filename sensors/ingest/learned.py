"""What the sensor-fault rules have learned, kept in a file across restarts of the ingester."""

import logging
import os
from concurrent.futures import Executor
from pathlib import Path

from sensors.ingest.errand import Errand
from sensors.rules.faultrules import FaultRules
from twin.settings import Settings

logger = logging.getLogger(__name__)

LARGEST_BYTES = 1024**3


class LearnedFile:
    """The file of one ingester; losing it costs the time to learn again, nothing else.

    Parameters
    ----------
    file
        Where.
    aside
        Writes it, so that the loop never waits for a disk.
    """

    def __init__(self, file: Path, aside: Executor) -> None:
        self._file = file
        self._errand = Errand(aside)

    def read_into(self, rules: FaultRules) -> None:
        """Give the rules what an earlier run has learned, if there is something whole."""
        try:
            content = self._file.read_bytes() if self._is_fit() else b""
        except OSError as error:
            logger.warning("learned_unreadable", extra={"reason": str(error)})
            return
        if content:
            logger.info("learned_recalled", extra={"datastreams": rules.recall(content)})

    def write(self, rules: FaultRules) -> None:
        """Write what is learned by now; nothing if the last write still goes on."""
        if not self._errand.is_running:
            self._errand.run(self._replace, rules.remember())

    def write_now(self, rules: FaultRules) -> None:
        """The same at the end, before anything else ends."""
        self._replace(rules.remember())

    def _is_fit(self) -> bool:
        return self._file.exists() and self._file.stat().st_size <= LARGEST_BYTES

    def _replace(self, content: bytes) -> None:
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(self._file)
        except OSError as error:
            logger.warning("learned_not_written", extra={"reason": str(error)})


def learned_file(settings: Settings) -> Path:
    """The file of the ingester with these settings."""
    return settings.data_dir / "learned" / f"ingest-{settings.ingest.instance}.npz"
