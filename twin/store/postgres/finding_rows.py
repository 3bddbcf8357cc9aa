"""Findings and their log as rows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from twin.model.finding_steps import FindingStep, StoredFinding, opened, restated
from twin.model.findings import Finding
from twin.store import keeping
from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query

Row = tuple[Any, ...]


def read_findings(
    connection: Connection, name: str, values: Mapping[str, Any]
) -> Sequence[StoredFinding]:
    """Findings that a query selects, with their log, in its order."""
    rows = cast("list[Row]", connection.execute(query(name), values).fetchall())
    logs: dict[int, list[FindingStep]] = {}
    numbers = {"ids": [row[0] for row in rows]}
    for row in connection.execute(query("select_finding_steps"), numbers):
        finding_id, *columns = cast("Row", row)
        logs.setdefault(finding_id, []).append(_step(*columns))
    return tuple(_stored(row, logs.get(row[0], [])) for row in rows)


def read_finding(
    connection: Connection, finding_id: int, *, is_locked: bool = False
) -> StoredFinding:
    """One finding, held until the transaction ends if ``is_locked``; RegistryError if none."""
    values = {"id": finding_id}
    if is_locked:
        connection.execute(query("lock_finding"), values)
    found = read_findings(connection, "select_finding", values)
    if not found:
        raise keeping.unknown_finding(finding_id)
    return found[0]


def state_finding(connection: Connection, finding: Finding, *, at: datetime) -> int | None:
    """Open a finding or take its new statement; its number unless it changed nothing."""
    values = {"asset_id": finding.asset_id, "rule": finding.rule, "key": finding.key}
    found = read_findings(connection, "select_same_finding", values)
    known = found[0] if found else None
    if known is not None and keeping.is_repeated(finding, known):
        return None
    if known is None or not known.is_open:
        fresh = opened(finding, finding_id=0, at=at)
        row = connection.execute(query("insert_finding"), _columns(fresh)).fetchone()
        number = cast("tuple[int]", row)[0]
        _insert_steps(connection, number, fresh.steps, after=0)
        return number
    stored = restated(known, finding, at=at)
    if stored is known:
        return None
    append_steps(connection, stored, after=len(known.steps))
    return known.id


def append_steps(connection: Connection, stored: StoredFinding, *, after: int) -> None:
    """Write a finding as it stands now, with the steps that its log did not have."""
    connection.execute(query("update_finding"), _columns(stored))
    _insert_steps(connection, stored.id, stored.steps, after=after)


def _insert_steps(
    connection: Connection, finding_id: int, steps: Sequence[FindingStep], *, after: int
) -> None:
    for number, step in enumerate(steps[after:], start=after + 1):
        values = {
            "finding_id": finding_id,
            "step": number,
            "at": step.at,
            "stage": step.stage,
            "person": step.person,
            "reason": step.reason,
            "content": keeping.document(step.finding),
        }
        connection.execute(query("insert_finding_step"), values)


def _columns(stored: StoredFinding) -> dict[str, Any]:
    finding = stored.finding
    return {
        "id": stored.id,
        "asset_id": finding.asset_id,
        "rule": finding.rule,
        "key": finding.key,
        "stage": stored.stage,
        "opened_at": stored.opened_at,
        "stated_at": finding.at,
        "severity": finding.severity,
        "cause": finding.cause,
        "content": keeping.document(finding),
    }


def _stored(row: Row, steps: Sequence[FindingStep]) -> StoredFinding:
    number, stage, opened_at, content = row
    return StoredFinding(
        id=number,
        stage=stage,
        opened_at=opened_at.astimezone(UTC),
        finding=keeping.finding_of(content),
        steps=tuple(steps),
    )


def _step(at: datetime, stage: Any, person: str, reason: str, content: str) -> FindingStep:  # noqa: ANN401 - a column
    return FindingStep(at.astimezone(UTC), stage, person, reason, keeping.finding_of(content))
