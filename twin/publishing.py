"""What leaves the city of its decisions: checked messages, the public snapshot, the outbox.

Publishing writes a file and opens a feed. Nothing here switches a signal or a barrier.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from shapely import get_coordinates

from twin.city import Twin
from twin.errors import DecisionError
from twin.exchange.datex2_situation import publication
from twin.exchange.datex2_situation_in import read_publication
from twin.model.bridge import Restriction
from twin.model.decision_records import local_day
from twin.model.decisions import (
    MOST_POINTS,
    Decision,
    DecisionState,
    Order,
    moved,
)
from twin.model.notices import Notice, is_out, notice_of
from twin.model.order_words import signs_for
from twin.settings import Settings

COUNTRY = "de"
"""The StVO and section 45 are German law."""
SNAPSHOT = "situations.xml"
_DIGITS = 6


def order_for(
    twin: Twin,
    asset_id: str,
    restriction: Restriction,
    *,
    reason: str,
    part: str = "",
    run_id: int | None = None,
) -> Order:
    """Order at an asset of the city: its name and course, and the signs unless they are stated.

    Raises
    ------
    RegistryError
        If asset or run are unknown.
    """
    asset = twin.asset(asset_id)
    corners = [(round(x, _DIGITS), round(y, _DIGITS)) for x, y in get_coordinates(asset.geometry)]
    if asset.geometry.geom_type not in ("Point", "LineString") or len(corners) > MOST_POINTS:
        middle = asset.geometry.representative_point()
        corners = [(round(middle.x, _DIGITS), round(middle.y, _DIGITS))]
    signs = restriction.signs or signs_for(restriction)
    return Order(
        asset_id=asset.id,
        name=asset.name,
        restriction=replace(restriction, signs=signs),
        points=tuple(corners),
        reason=reason,
        part=part,
        run_id=run_id,
        input_hash="" if run_id is None else twin.run(run_id).input_hash,
    )


def beside(twin: Twin, order: Order) -> Sequence[Restriction]:
    """Restrictions of the kind of an order at its bridge that are in force while it is.

    Those that are the order itself, word for word, are left out.
    """
    own, day = order.restriction, order.restriction.valid_from or local_day(twin.now())
    found = (
        item.record.content
        for item in twin.bridges.book.records(kind="restriction")
        if item.record.asset_id == order.asset_id
    )
    return tuple(
        limit
        for limit in found
        if isinstance(limit, Restriction)
        and limit.kind == own.kind
        and limit != own
        and (limit.valid_until is None or limit.valid_until >= day)
        and (own.valid_until is None or (limit.valid_from or day) <= own.valid_until)
    )


def publisher_of(settings: Settings) -> str:
    """National identifier under which the city publishes, and the root of its record ids."""
    return f"stadtzwilling-{settings.city.tenant}"


def message(
    decisions: Iterable[Decision], settings: Settings, *, at: datetime
) -> tuple[bytes, tuple[Notice, ...]]:
    """DATEX II publication of some decisions, validated and read back to the same notices.

    Raises
    ------
    DecisionError
        With everything that cannot be said, or does not come back as it went out.
    """
    publisher = publisher_of(settings)
    notices = tuple(notice_of(decision, publisher=publisher) for decision in decisions)
    content = publication(notices, at=at, publisher=publisher, country=COUNTRY)
    found = read_publication(content)
    if found.notices != notices:
        reasons = found.problems or ("the message does not come back as it went out; report this",)
        raise DecisionError(*reasons)
    return content, notices


def snapshot(twin: Twin, settings: Settings) -> bytes:
    """What is published now, and what was withdrawn lately, as one publication."""
    now = twin.now()
    out = [decision for decision in twin.decisions.decisions() if is_out(decision, now)]
    return message(reversed(out), settings, at=now)[0]


def preview(
    twin: Twin, settings: Settings, decision_id: int, *, order: Order | None = None
) -> tuple[bytes, Notice]:
    """Message of a decision as it would go out now, marked as a test; nothing is kept.

    ``order`` is what an update would say instead.
    """
    decision = twin.decisions.decision(decision_id)
    if decision.state == "withdrawn":
        raise DecisionError(f"decision {decision_id} is withdrawn; there is nothing to publish")
    if order is not None:
        decision = _tried(twin, decision, "updated", order)
    elif decision.state == "decided":
        decision = _tried(twin, decision, "published", None)
    publisher = publisher_of(settings)
    notice = replace(notice_of(decision, publisher=publisher), status="test")
    content = publication([notice], at=twin.now(), publisher=publisher, country=COUNTRY)
    return content, notice


def publish(
    twin: Twin,
    settings: Settings,
    decision_id: int,
    *,
    expected_version: int,
    key: str,
    reason: str,
    caller: str,
    order: Order | None = None,
) -> Decision:
    """Release a decision, or with ``order`` an update of a published one.

    The message is checked before the key is looked at, and before anything is kept.

    Raises
    ------
    RegistryError
        If there is no such decision.
    DecisionError
        If the step or the message is not possible.
    ReleaseError
        If the key does not release.
    """
    known = twin.decisions.decision(decision_id)
    tried = _tried(twin, known, "published" if order is None else "updated", order)
    message([tried], settings, at=twin.now())
    if order is None:
        return twin.decisions.publish(
            decision_id, expected_version=expected_version, key=key, reason=reason, caller=caller
        )
    return twin.decisions.update(
        decision_id,
        order,
        expected_version=expected_version,
        key=key,
        reason=reason,
        caller=caller,
    )


def _tried(twin: Twin, known: Decision, state: DecisionState, order: Order | None) -> Decision:
    return moved(
        known,
        state,
        expected_version=known.version,
        person="trial",
        reason="trial",
        at=twin.now(),
        order=order,
    )


def write_outbox(twin: Twin, settings: Settings) -> Path:
    """Write the snapshot into the outbox folder, whole or not at all; the file."""
    folder = settings.data_dir / "outbox" / "measures"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SNAPSHOT
    part = file.with_suffix(".part")
    part.write_bytes(snapshot(twin, settings))
    part.replace(file)
    return file
