"""The queue of runs, and what the traffic model keeps."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from twin.model.bases import BaseFacts, StoredBase
from twin.model.scenarios import Result, Run, Scenario
from twin.model.traffic_state import TrafficState


class RunQueue(Protocol):
    """Runs waiting for a worker, and their results."""

    def submit(
        self,
        scenario: Scenario,
        *,
        engine: str,
        version: str,
        seed: int,
        at: datetime,
        base: str = "",
        options: str = "",
    ) -> Run:
        """Queue a run, or return the one with the same input hash that waits, runs or is done.

        A question that failed or was cancelled may be asked again. ``base`` is the content hash of
        the base, ``options`` whatever else decides on the answer.
        """
        ...

    def claim(
        self,
        *,
        engines: Sequence[str],
        expired_before: datetime,
        at: datetime,
        only: int | None = None,
    ) -> Run | None:
        """Take the oldest queued run, or a running one whose heartbeat has expired.

        A run that cost several workers their life fails instead. ``only`` takes this run or none.
        """
        ...

    def report_progress(
        self, run_id: int, *, progress: float, message: str, at: datetime, attempt: int = 0
    ) -> bool:
        """Report progress; False if the run was cancelled or another worker has it now.

        ``attempt`` is that of the claim; 0 stands for whoever has it.
        """
        ...

    def finish(
        self,
        run_id: int,
        result: Result,
        *,
        at: datetime,
        attempt: int = 0,
        parts: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Store the result of a run and its files by name; False if it takes none any more."""
        ...

    def fail(self, run_id: int, *, message: str, at: datetime, attempt: int = 0) -> None:
        """Mark a run as failed with its reason, if this attempt still has it."""
        ...

    def release(self, run_id: int, *, attempt: int) -> None:
        """Give a run that this attempt has back to the queue; it counts as no attempt."""
        ...

    def cancel(self, run_id: int, *, at: datetime) -> None:
        """Mark a queued or running run as cancelled."""
        ...

    def run(self, run_id: int) -> Run:
        """Return a run; RegistryError if there is none."""
        ...

    def result(self, run_id: int) -> Result | None:
        """Return the result of a run, or None if it has none yet."""
        ...


class TrafficShelf(Protocol):
    """Bases of the traffic model, and what runs found besides their indicators."""

    def keep_base(
        self, facts: BaseFacts, parts: Mapping[str, bytes], *, at: datetime
    ) -> StoredBase:
        """Keep a base under the next version of its name; the same content again is the same."""
        ...

    def bases(self) -> Sequence[StoredBase]:
        """Return the newest version of every base, by name."""
        ...

    def base(self, content_hash: str) -> StoredBase:
        """Return the base with this content; RegistryError if there is none."""
        ...

    def base_part(self, base_id: int, part: str) -> bytes | None:
        """Return a file of a base, or None if it has none of this name."""
        ...

    def run_part(self, run_id: int, part: str) -> bytes | None:
        """Return a file of a run, or None if it has none of this name."""
        ...

    def run_parts(self, run_id: int) -> Mapping[str, int]:
        """Return the names and sizes [bytes] of the files of a run."""
        ...

    def runs(self, *, limit: int, below: int | None = None) -> Sequence[Run]:
        """Return runs, the newest first, or below an id by falling id."""
        ...

    def waiting(self, *, most: int) -> int:
        """Return how many runs wait for a worker; counted up to ``most``."""
        ...

    def expire(
        self, *, before: datetime, kept_bases: int, answers_before: datetime | None = None
    ) -> tuple[int, int]:
        """Delete failed and cancelled runs that ended before a time, and old bases without runs.

        The newest ``kept_bases`` versions of a base stay; answered runs go that ended before
        ``answers_before``, none without it. Returns the runs and bases deleted.
        """
        ...

    def keep_snapshot(self, sha256: str, content: bytes, *, at: datetime) -> None:
        """Keep the bridges that a question was asked of, by their hash; the same again is the same.

        They go with the last run that was asked with them.
        """
        ...

    def snapshot(self, sha256: str) -> bytes | None:
        """Return the bridges kept under a hash, or None."""
        ...

    def keep_state(self, state: TrafficState) -> None:
        """Keep what was computed of the running traffic, in place of the one before."""
        ...

    def states(self, kind: str = "") -> Sequence[TrafficState]:
        """Return the newest states, of one kind or all, by kind and subject."""
        ...
