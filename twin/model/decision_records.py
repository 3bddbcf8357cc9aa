"""What a decision leaves in the inventory of bridges: the restriction that it orders."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from twin.model.bridge import Restriction
from twin.model.decisions import Decision
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord

LOCAL = ZoneInfo("Europe/Berlin")
"""Time zone of orders after the StVO."""


def record_of(decision: Decision) -> InventoryRecord | None:
    """Inventory record of a decision as it stands now; None as long as nothing is decided.

    A withdrawn restriction ended with the day before; one that had not begun by then never was in
    force. The record stays in the inventory either way.
    """
    decided = [event for event in decision.events if event.state != "draft"]
    if not decided or decided[0].state == "withdrawn":
        return None
    newest, order = decision.newest, decision.order
    day = local_day(newest.at)
    notes: dict[str, str] = {"decision": f"{decision.state} on {day}"}
    if order.run_id is not None:
        notes["run"] = f"{order.run_id} {order.input_hash}".strip()
    limit = order.restriction
    return InventoryRecord(
        asset_id=order.asset_id,
        kind="restriction",
        key=f"decision {decision.id}",
        content=ended(limit, day) if decision.state == "withdrawn" else limit,
        provenance=Provenance("derived", by=f"decision {decision.id}", at=newest.at),
        part=order.part,
        as_of=day,
        notes=notes,
    )


def ended(limit: Restriction, day: date) -> Restriction:
    """Restriction that is withdrawn on a day, seen from this day on.

    Examples
    --------
    >>> limit = Restriction("5", 16.0, "t", valid_from=date(2026, 11, 1))
    >>> ended(limit, date(2026, 11, 22)).valid_until
    datetime.date(2026, 11, 21)
    >>> ended(limit, date(2026, 10, 1)).is_withdrawn
    True
    """
    before = day - timedelta(days=1)
    if limit.valid_until is not None and limit.valid_until <= before:
        return limit
    if limit.valid_from is not None and limit.valid_from > before:
        return replace(limit, is_withdrawn=True)
    return replace(limit, valid_until=before)


def local_day(at: datetime) -> date:
    """Calendar day of an instant where the city lies."""
    return at.astimezone(LOCAL).date()
