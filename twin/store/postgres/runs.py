"""The job board and the run queue in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from psycopg.rows import kwargs_row

from twin.errors import StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.questions import question_hash
from twin.model.scenarios import Result, Run, RunStatus, Scenario, from_document
from twin.store.postgres.connections import Connection, Connections
from twin.store.postgres.inventory import provenance_columns, provenance_of
from twin.store.postgres.queries import query
from twin.store.postgres.traffic_parts import insert_parts
from twin.store.refusals import MOST_ATTEMPTS, TOO_COSTLY, unknown_run
from twin.store.scenarios import check_question, to_text
from twin.store.text import is_storable, require_storable


class PostgresJobs:
    """Where jobs report that they are alive."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def beat(self, status: JobStatus) -> None:
        """Store the newest status of a job."""
        require_storable(status, what="job status")
        values = {
            "job": status.job,
            "instance": status.instance,
            "started_at": status.started_at,
            "heartbeat_at": status.heartbeat_at,
            "state": status.state,
            "figure_names": list(status.figures),
            "figure_values": [float(value) for value in status.figures.values()],
        }
        with self._connections.use() as connection:
            connection.execute(query("upsert_job"), values)

    def jobs(self) -> Sequence[JobStatus]:
        """Newest status of every job, by job and instance."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_job))
            return tuple(cursor.execute(query("select_jobs")))


class PostgresRuns:
    """Runs waiting for a worker, and their results."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

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
        """Queue a run, or return the one that answers or will answer the same question."""
        check_question(
            scenario, engine=engine, version=version, seed=seed, base=base, options=options
        )
        values = {
            "scenario": to_text(scenario),
            "engine": engine,
            "version": version,
            "input_hash": question_hash(
                scenario, engine=engine, version=version, seed=seed, base=base, options=options
            ),
            "seed": seed,
            "submitted_at": at,
            "base": base,
            "options": options,
        }
        with self._connections.use() as connection:
            with connection.transaction():
                run = _one(connection, "insert_run", values)
                if run is not None:
                    _notify(connection, run.id)
                    return run
            run = _one(connection, "select_run_by_question", values)
        if run is None:
            raise StoreUnavailableError("the same question was cancelled just now; submit it again")
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
        expired = {"expired_before": expired_before, "at": at}
        values = {
            "engines": [engine for engine in engines if is_storable(engine)],
            "only": only,
            **expired,
        }
        costly = {"most": MOST_ATTEMPTS, "message": TOO_COSTLY, **expired}
        with self._connections.use() as connection:
            for (run_id,) in connection.execute(query("fail_costly_runs"), costly).fetchall():
                _notify(connection, cast("int", run_id))
            return _one(connection, "claim_run", values)

    def report_progress(
        self, run_id: int, *, progress: float, message: str, at: datetime, attempt: int = 0
    ) -> bool:
        """Report progress; False if the run is not running any more, or not this attempt."""
        require_storable(message, what="message")
        values = {
            "run_id": run_id,
            "progress": progress,
            "message": message,
            "at": at,
            "attempt": attempt,
        }
        with self._connections.use() as connection:
            if connection.execute(query("update_progress"), values).rowcount:
                return True
            _known(connection, run_id)
            return False

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
        values = {
            "run_id": run_id,
            "indicator_names": list(result.indicators),
            "indicator_values": [float(value) for value in result.indicators.values()],
            "unit_names": list(result.units),
            "unit_values": list(result.units.values()),
            "assumptions": list(result.assumptions),
            **provenance_columns(result.provenance),
        }
        with self._connections.use() as connection, connection.transaction():
            ended = connection.execute(
                query("finish_run"), {"run_id": run_id, "at": at, "attempt": attempt}
            )
            if not ended.rowcount:
                _known(connection, run_id)
                return False
            connection.execute(query("insert_result"), values)
            insert_parts(connection, "insert_run_part", run_id, parts or {})
            _notify(connection, run_id)
            return True

    def release(self, run_id: int, *, attempt: int) -> None:
        """Give a run that this attempt has back to the queue."""
        with self._connections.use() as connection, connection.transaction():
            values = {"run_id": run_id, "attempt": attempt}
            if not connection.execute(query("release_run"), values).rowcount:
                _known(connection, run_id)
                return
            _notify(connection, run_id)

    def fail(self, run_id: int, *, message: str, at: datetime, attempt: int = 0) -> None:
        """Mark a queued or running run as failed with its reason."""
        self._end(run_id, status="failed", message=message, at=at, attempt=attempt)

    def cancel(self, run_id: int, *, at: datetime) -> None:
        """Mark a queued or running run as cancelled."""
        self._end(run_id, status="cancelled", message=None, at=at)

    def run(self, run_id: int) -> Run:
        """One run; RegistryError if there is none."""
        with self._connections.use() as connection:
            return _known(connection, run_id)

    def result(self, run_id: int) -> Result | None:
        """Result of a run, or None if it has none yet."""
        with self._connections.use() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_result))
            return cursor.execute(query("select_result"), {"run_id": run_id}).fetchone()

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
        values = {
            "run_id": run_id,
            "status": status,
            "message": message,
            "at": at,
            "attempt": attempt,
        }
        with self._connections.use() as connection, connection.transaction():
            if not connection.execute(query("end_run"), values).rowcount:
                _known(connection, run_id)
                return
            _notify(connection, run_id)


def run_row(
    *,
    scenario: dict[str, Any],
    submitted_at: datetime,
    ended_at: datetime | None,
    **rest: Any,  # noqa: ANN401 - columns
) -> Run:
    """Run from the columns of its row."""
    return Run(
        scenario=from_document(scenario),
        submitted_at=submitted_at.astimezone(UTC),
        ended_at=None if ended_at is None else ended_at.astimezone(UTC),
        **rest,
    )


def _one(connection: Connection, name: str, values: dict[str, Any]) -> Run | None:
    return (
        connection.cursor(row_factory=kwargs_row(run_row)).execute(query(name), values).fetchone()
    )


def _known(connection: Connection, run_id: int) -> Run:
    run = _one(connection, "select_run", {"run_id": run_id})
    if run is None:
        raise unknown_run(run_id)
    return run


def _notify(connection: Connection, run_id: int) -> None:
    connection.execute(query("notify_change"), {"topic": f"run {run_id}"})


def _job(
    *,
    started_at: datetime,
    heartbeat_at: datetime,
    figure_names: list[str],
    figure_values: list[float],
    **rest: Any,  # noqa: ANN401 - columns
) -> JobStatus:
    return JobStatus(
        started_at=started_at.astimezone(UTC),
        heartbeat_at=heartbeat_at.astimezone(UTC),
        figures=dict(zip(figure_names, figure_values, strict=True)),
        **rest,
    )


def _result(**columns: Any) -> Result:  # noqa: ANN401 - columns
    names, values = columns["indicator_names"], columns["indicator_values"]
    return Result(
        run_id=columns["run_id"],
        indicators=dict(zip(names, values, strict=True)),
        units=dict(zip(columns["unit_names"], columns["unit_values"], strict=True)),
        assumptions=tuple(columns["assumptions"]),
        provenance=provenance_of(columns),
    )
