"""The run queue of the store in memory."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from twin.model.questions import question_hash
from twin.model.scenarios import Result, Run, RunStatus, Scenario
from twin.store.changes import ChangeSignal
from twin.store.refusals import MOST_ATTEMPTS, TOO_COSTLY, unknown_run
from twin.store.scenarios import check_question
from twin.store.text import require_storable


class MemoryRuns:
    """`twin.ports.RunQueue` in memory; may be used from any thread."""

    def __init__(self, changes: ChangeSignal) -> None:
        self._changes = changes
        self._lock = threading.RLock()
        self._runs: dict[int, Run] = {}
        self._last = 0
        self._heartbeats: dict[int, datetime] = {}
        self._results: dict[int, Result] = {}
        self._parts: dict[int, dict[str, bytes]] = {}

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
        """Queue a run, or return the run that answers or will answer the same question."""
        check_question(
            scenario, engine=engine, version=version, seed=seed, base=base, options=options
        )
        input_hash = question_hash(
            scenario, engine=engine, version=version, seed=seed, base=base, options=options
        )
        with self._lock:
            for run in self._runs.values():
                if run.input_hash == input_hash and run.status in ("queued", "running", "done"):
                    return run
            self._last += 1
            run = Run(
                id=self._last,
                scenario=scenario,
                engine=engine,
                version=version,
                input_hash=input_hash,
                seed=seed,
                status="queued",
                submitted_at=at,
                base=base,
                options=options,
            )
            self._runs[run.id] = run
        self._changes.notify()
        return run

    def claim(
        self,
        *,
        engines: Sequence[str],
        expired_before: datetime,
        at: datetime,
        only: int | None = None,
    ) -> Run | None:
        """Take the oldest queued run, or a running one whose heartbeat has expired."""
        with self._lock:
            for run in tuple(self._runs.values()):
                is_expired = run.status == "running" and self._heartbeats[run.id] < expired_before
                if is_expired and run.attempt >= MOST_ATTEMPTS:
                    self._end(run.id, status="failed", message=TOO_COSTLY, at=at)
                    continue
                is_wanted = run.engine in engines and only in (None, run.id)
                if is_wanted and (run.status == "queued" or is_expired):
                    self._heartbeats[run.id] = at
                    self._runs[run.id] = replace(run, status="running", attempt=run.attempt + 1)
                    return self._runs[run.id]
        return None

    def report_progress(
        self, run_id: int, *, progress: float, message: str, at: datetime, attempt: int = 0
    ) -> bool:
        """Report progress; False if the run is not running any more, or not this attempt."""
        require_storable(message, what="message")
        with self._lock:
            run = self.run(run_id)
            if run.status != "running" or attempt not in (0, run.attempt):
                return False
            self._heartbeats[run_id] = at
            self._runs[run_id] = replace(run, progress=progress, message=message)
        return True

    def finish(
        self,
        run_id: int,
        result: Result,
        *,
        at: datetime,
        attempt: int = 0,
        parts: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Store the result of a running run and its files; of any other they are dropped."""
        require_storable(result, what="result")
        with self._lock:
            run = self.run(run_id)
            if run.status != "running" or attempt not in (0, run.attempt):
                return False
            self._results[run_id] = replace(result, run_id=run_id)
            self._parts[run_id] = dict(parts or {})
            self._runs[run_id] = replace(run, status="done", progress=1.0, ended_at=at)
        self._changes.notify()
        return True

    def release(self, run_id: int, *, attempt: int) -> None:
        """Give a run that this attempt has back to the queue."""
        with self._lock:
            run = self.run(run_id)
            if run.status == "running" and run.attempt == attempt:
                self._runs[run_id] = replace(run, status="queued", attempt=attempt - 1)
        self._changes.notify()

    def fail(self, run_id: int, *, message: str, at: datetime, attempt: int = 0) -> None:
        """Mark a queued or running run as failed with its reason."""
        self._end(run_id, status="failed", message=message, at=at, attempt=attempt)

    def cancel(self, run_id: int, *, at: datetime) -> None:
        """Mark a queued or running run as cancelled."""
        self._end(run_id, status="cancelled", message=None, at=at)

    def run(self, run_id: int) -> Run:
        """One run; RegistryError if there is none."""
        with self._lock:
            if run_id not in self._runs:
                raise unknown_run(run_id)
            return self._runs[run_id]

    def runs(self, *, limit: int, below: int | None) -> Sequence[Run]:
        """Runs, the newest first, or below an id by falling id."""
        with self._lock:
            ids = sorted((key for key in self._runs if below is None or key < below), reverse=True)
            return tuple(self._runs[key] for key in ids[: max(limit, 0)])

    def waiting(self) -> int:
        """How many runs wait for a worker."""
        with self._lock:
            return sum(run.status == "queued" for run in self._runs.values())

    def expire(
        self, before: datetime, answers_before: datetime | None = None
    ) -> tuple[int, frozenset[str]]:
        """Delete runs that ended before; how many, and the bases in use."""
        limits = {"failed": before, "cancelled": before, "done": answers_before}
        with self._lock:
            old = []
            for run in self._runs.values():
                limit = limits.get(run.status)
                if limit is not None and (run.ended_at or run.submitted_at) < limit:
                    old.append(run.id)
            for run_id in old:
                del self._runs[run_id]
                self._results.pop(run_id, None)
                self._parts.pop(run_id, None)
            return len(old), frozenset(run.base for run in self._runs.values())

    def options(self) -> Sequence[str]:
        """What else than the scenario decides on each run."""
        with self._lock:
            return tuple(run.options for run in self._runs.values())

    def result(self, run_id: int) -> Result | None:
        """Result of a run, or None if it has none yet."""
        with self._lock:
            return self._results.get(run_id)

    def parts(self, run_id: int) -> Mapping[str, bytes]:
        """Files of a run by name."""
        with self._lock:
            return self._parts.get(run_id, {})

    def _end(
        self,
        run_id: int,
        *,
        status: RunStatus,
        message: str | None,
        at: datetime,
        attempt: int = 0,
    ) -> None:
        """End a queued or running run without a result; any other stays as it is."""
        require_storable(message, what="message")
        with self._lock:
            run = self.run(run_id)
            if run.status in ("queued", "running") and attempt in (0, run.attempt):
                text = run.message if message is None else message
                self._runs[run_id] = replace(run, status=status, message=text, ended_at=at)
        self._changes.notify()
