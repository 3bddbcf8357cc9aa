"""Recorded facts that the structural model of each part of a bridge rests on, or lacks."""

import math
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from simulations.bridges.inputs import Bridge
from simulations.structure.calibrate import Override
from simulations.structure.facts import (
    BridgeFacts,
    facts_of_asset,
    facts_of_part,
    may_be_beam,
)
from simulations.structure.limits import SUM_SHARE
from simulations.structure.sentences import sentence
from twin.errors import ModelError
from twin.model.assets import Asset
from twin.model.bridge import PartStructure
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord
from twin.model.structure_state import UsedFact

ATTRIBUTES = (
    "structural_system",
    "static_system",
    "total_length_m",
    "spans_m",
    "span_count",
    "hinges_m",
    "width_m",
    "deck_width_m",
    "carriageway_width_m",
    "material",
    "section_type",
    "structural_depth",
    "structural_depth_m",
    "mass_t_m",
    "skew_deg",
    "plan",
    "target_load_level",
    "structure_override",
    "structure_calibrated_from",
)
"""Attributes of a bridge that a model rests on, or that say why there is none."""
OF_PART = ("kind", "construction", "static_system", "length_m", "spans_m", "width_m",
           "total_width_m", "skew_deg", "target_load_level", "stage")  # fmt: skip
"""Fields of a part structure likewise."""
OVERRIDE = "structure_override"
CALIBRATED_FROM = "structure_calibrated_from"
GONE = frozenset({"4", "5"})
PLANNED = frozenset({"1", "2"})


@dataclass(frozen=True, slots=True)
class PartInput:
    """One part of a bridge as it is recorded.

    Parameters
    ----------
    part
        Number of the part structure; empty for the whole bridge.
    used
        The facts with their provenance.
    carriageway_m
        Width between kerbs [m], if recorded.
    target
        Ziellastniveau (target load level), if recorded.
    calibrated_from
        Day (ISO) before which nothing measured is used for a calibration; empty if none.
    refusal
        Why no model is built whatever else is known; empty if none speaks against it.
    notes
        Assumptions that follow from how the facts were taken.
    """

    part: str
    facts: BridgeFacts
    used: tuple[UsedFact, ...]
    carriageway_m: float | None = None
    target: str = ""
    override: Override | None = None
    calibrated_from: str = ""
    refusal: str = ""
    notes: tuple[str, ...] = ()


def parts_of_bridge(bridge: Bridge) -> tuple[PartInput, ...]:
    """Every part structure of the inventory, or the bridge as a whole where it lists none.

    Raises
    ------
    ModelError
        If a recorded attribute cannot be read; names it.
    """
    stored = bridge.twin.bridges.book.records(bridge.asset.id, kind="part_structure")
    records = [item.record for item in stored if isinstance(item.record.content, PartStructure)]
    if not records:
        return (_input(bridge.asset, None),)
    return tuple(_input(bridge.asset, record) for record in records)


def missing_facts(facts: BridgeFacts) -> tuple[tuple[str, str], ...]:
    """What would allow which level: pairs of level and name of the missing fact."""
    if not may_be_beam(facts):
        return (("L3", "recalculation"),)
    found: list[tuple[str, str]] = []
    if not (facts.static_system or facts.system_words):
        found.append(("L0", "structural_system"))
    if not facts.spans_m and (facts.length_m is None or facts.span_count is None):
        found.append(("L0", "spans_or_count"))
    if facts.width_m is None and facts.mass_kg_per_m is None:
        found.append(("L0", "width"))
    if not facts.spans_m:
        found.append(("L1", "spans"))
    if not facts.static_system:
        found.append(("L1", "static_system"))
    if facts.static_system.startswith("1.3.1") and not facts.hinges_m:
        found.append(("L1", "hinges"))
    if not (facts.section_type and facts.depth_m):
        found.append(("L1", "section_or_frequency"))
    found.append(("L3", "recalculation"))
    return tuple(found)


def _input(asset: Asset, record: InventoryRecord | None) -> PartInput:
    whole = facts = facts_of_asset(asset)
    used = [
        _used(name, found.value, found.unit, found.provenance)
        for name in ATTRIBUTES
        if (found := asset.attribute(name)) is not None
    ]
    part = record.content if record is not None else None
    stage = ""
    if record is not None and isinstance(part, PartStructure):
        used += _used_of_part(part, record.provenance)
        facts = _merged(facts, replace(facts_of_part(part), name=_name(asset, part, record)))
        stage = part.stage
    return PartInput(
        part="" if record is None else record.part,
        facts=facts,
        used=tuple(used),
        carriageway_m=_number(asset, "carriageway_width_m"),
        target=_target(asset, part),
        override=_override(asset),
        calibrated_from=_calibrated_from(asset),
        refusal=_out_of_use(facts.name, stage),
        notes=(*_notes(asset, facts), *_section_note(whole, facts)),
    )


def _used(name: str, value: object, unit: str, provenance: Provenance) -> UsedFact:
    text = "+".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)
    if isinstance(value, float):
        text = f"{value:g}"
    return UsedFact(name, text, unit, provenance.kind, provenance.references)


def _used_of_part(part: PartStructure, provenance: Provenance) -> list[UsedFact]:
    return [
        _used(name, value, "m" if name.endswith("_m") else "", provenance)
        for name in OF_PART
        if (value := getattr(part, name)) not in (None, "", ())
    ]


def _merged(asset: BridgeFacts, part: BridgeFacts) -> BridgeFacts:
    """Facts of the part where it has them, else those of the bridge.

    The words of the bridge stand for those of the part: they say more of the system.
    """
    known: dict[str, Any] = {
        item.name: value
        for item in fields(BridgeFacts)
        if (value := getattr(part, item.name)) not in (None, "", ())
    }
    merged = replace(asset, **known)
    length_m = None if _is_section(asset, part) else merged.length_m
    return replace(
        merged,
        length_m=length_m,
        system_words=asset.system_words or part.system_words,
        width_m=_narrower(asset.width_m, part.width_m),
    )


def _is_section(asset: BridgeFacts, part: BridgeFacts) -> bool:
    """Whether only the bridge has a length, and the spans of the part are a section of it."""
    return bool(
        part.spans_m
        and part.length_m is None
        and asset.length_m is not None
        and math.fsum(part.spans_m) < asset.length_m
    )


def _narrower(deck_m: float | None, part_m: float | None) -> float | None:
    """The width of one deck, where the bridge or the part tells it."""
    known = [one for one in (deck_m, part_m) if one is not None]
    return min(known) if known else None


def _name(asset: Asset, part: PartStructure, record: InventoryRecord) -> str:
    own = part.name or record.part
    return f"{asset.name}, {own}" if own else asset.name


def _target(asset: Asset, part: object) -> str:
    if isinstance(part, PartStructure) and part.target_load_level:
        return part.target_load_level
    found = asset.attribute("target_load_level")
    return "" if found is None else str(found.value)


def _override(asset: Asset) -> Override | None:
    found = asset.attribute(OVERRIDE)
    if found is None:
        return None
    person, _, reason = str(found.value).partition(";")
    try:
        return Override(person.strip(), reason.strip())
    except ModelError as error:
        raise ModelError(f"{OVERRIDE} is {found.value!r}: {error}; write person;reason") from None


def _calibrated_from(asset: Asset) -> str:
    found = asset.attribute(CALIBRATED_FROM)
    if found is None:
        return ""
    try:
        return date.fromisoformat(str(found.value)).isoformat()
    except ValueError:
        raise ModelError(
            f"{CALIBRATED_FROM} is {found.value!r}; write a day such as 2026-11-22"
        ) from None


def _number(asset: Asset, name: str) -> float | None:
    found = asset.attribute(name)
    if found is None:
        return None
    try:
        return float(found.value)
    except ValueError:
        raise ModelError(f"{name} is {found.value!r}; it must be a number [m]") from None


def _out_of_use(name: str, stage: str) -> str:
    if stage in GONE:
        return sentence("refused_removed", who=name, stage=stage)
    return sentence("refused_planned", who=name, stage=stage) if stage in PLANNED else ""


def _notes(asset: Asset, facts: BridgeFacts) -> tuple[str, ...]:
    total = asset.attribute("width_m")
    if total is None or facts.width_m is None or not isinstance(total.value, (int, float)):
        return ()
    if total.value <= facts.width_m:
        return ()
    return (sentence("one_deck", width=facts.width_m, total=float(total.value)),)


def _section_note(whole: BridgeFacts, facts: BridgeFacts) -> tuple[str, ...]:
    """The spans of a part that are less than the length of the bridge."""
    if whole.length_m is None or facts.length_m is not None:
        return ()
    total = math.fsum(facts.spans_m)
    if whole.length_m <= (1.0 + SUM_SHARE) * total:
        return ()
    return (sentence("spans_shorter", sum=total, length=whole.length_m),)
