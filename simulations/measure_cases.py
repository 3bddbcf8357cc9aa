"""What the joint analysis knows of the bridges: recorded facts as cases of part structures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import numpy as np

from simulations.measures.cases import OF_ASB_KEY, BridgeCase, RestrictionCase, TargetEffect
from simulations.structure.details import (
    DetailKind,
    FatigueDetail,
    NotAssessable,
    section_modulus_factor,
)
from simulations.structure.sn import sn_curve
from twin.errors import ModelError
from twin.model.bridge_snapshot import (
    BridgeSnapshot,
    KeptAttribute,
    KeptBridge,
    KeptPart,
    KeptRestriction,
)
from twin.model.findings import Phrase
from twin.model.network import Network
from twin.model.structure import InfluenceLine
from twin.model.structure_state import Line, LoadEffect
from twin.model.tables import rows

MEASURED_DETAIL = "fatigue_detail_"
"""Attributes that begin so record a detail whose strain is measured."""
KNOWN_SECTION = "fatigue_section_"
"""Attributes that begin so record the section of a detail; the rest of the name is its own."""
FIELDS = ("station in m", "section modulus in m3", "detail category", "kind")
KINDS: tuple[DetailKind, ...] = get_args(DetailKind)
SAME_SECTION_M = 0.5
"""A recorded line so near is taken for that of the detail."""
BUSES = ("bus",)
LINE_SERVICES = ("bus", "emergency")
"""Pass where a restriction names a group of vehicles, as in the road network."""
THINNED = "influence lines as they are kept: at most 160 stations, linear between them"
ONE_LINE = "one influence line for all lanes of a part"


def cases_of(
    snapshot: BridgeSnapshot, network: Network
) -> tuple[tuple[BridgeCase, ...], Mapping[int, str]]:
    """One case per part structure, and the part structure of each link that is recorded so.

    Parameters
    ----------
    snapshot
    network
        Of the base; links without any of these bridges do not matter.

    Raises
    ------
    ModelError
        If a recorded detail cannot be read; names the bridge and the attribute.
    """
    places = _Places(network)
    cases: list[BridgeCase] = []
    parts: dict[int, str] = {}
    for bridge in snapshot.bridges:
        for part in bridge.parts or (KeptPart(""),):
            links = places.links(part.links)
            part_id = _part_id(bridge, part)
            if part_id != bridge.asset_id:
                parts |= dict.fromkeys(links, part_id)
            cases.append(_case(bridge, part, part_id=part_id, places=places))
    return tuple(cases), parts


class _Places:
    """Links of the network by registry name, and by asset."""

    def __init__(self, network: Network) -> None:
        self._number = dict(zip(network.link_name, network.link_id.tolist(), strict=False))
        self._lanes = dict(zip(network.link_id.tolist(), network.lanes.tolist(), strict=True))
        self._of_asset: dict[str, list[int]] = {}
        table = network.link_assets
        for link, asset in zip(table.link_id.tolist(), table.asset, strict=True):
            self._of_asset.setdefault(asset, []).append(link)

    def links(self, names: Sequence[str]) -> tuple[int, ...]:
        """Link ids of registry names; what the network does not hold is left out."""
        return tuple(self._number[name] for name in names if name in self._number)

    def lanes(self, asset: str) -> int:
        """Lanes of all links of an asset that lie side by side: the sum over its two directions."""
        found = sorted((self._lanes[link] for link in self._of_asset.get(asset, ())), reverse=True)
        return max(int(sum(found[:2])), 1)


def _part_id(bridge: KeptBridge, part: KeptPart) -> str:
    """Id as in the rows of traffic: that of the asset where it is one part."""
    return bridge.asset_id if not part.part else f"{bridge.asset_id}/{part.part}"


def _case(bridge: KeptBridge, part: KeptPart, *, part_id: str, places: _Places) -> BridgeCase:
    lines = tuple((_line(one, part),) for one in part.lines if one.effect == "moment")
    details, excluded = _details(bridge, part, lines)
    targets = _targets(part)
    own = part.name or part.part
    has_model = bool(lines)
    return BridgeCase(
        asset_id=bridge.asset_id,
        part_id=part_id,
        name=f"{bridge.name}, {own}" if own and len(bridge.parts) > 1 else bridge.name,
        length_m=_length(bridge),
        lanes=places.lanes(bridge.asset_id),
        level=str(part.level or ""),
        lines=lines,
        details=details,
        excluded=excluded,
        targets=targets,
        no_target=None if targets else _no_target(bridge, part),
        restrictions=_restrictions(bridge, part, places),
        assumptions=(*part.assumptions, THINNED, ONE_LINE) if has_model else (),
        refusal=None if has_model else _refusal(bridge, part),
    )


def _line(kept: Line, part: KeptPart) -> InfluenceLine:
    return InfluenceLine(
        section_m=kept.station_m,
        effect=kept.effect,
        x_m=np.array(kept.x_m),
        y=np.array(kept.y),
        level=part.level or "L0",
    )


def _length(bridge: KeptBridge) -> float | None:
    found = bridge.attribute("total_length_m")
    try:
        return None if found is None else float(found.value)
    except ValueError:
        return None


def _refusal(bridge: KeptBridge, part: KeptPart) -> Phrase:
    """Why no model stands for a part."""
    if not part.refusal:
        return Phrase("measure.no_model_yet", {"bridge": bridge.name})
    return Phrase("measure.no_model", {"bridge": bridge.name, "reason": part.refusal})


# Details


def _details(
    bridge: KeptBridge, part: KeptPart, lines: tuple[tuple[InfluenceLine, ...], ...]
) -> tuple[tuple[FatigueDetail, ...], tuple[NotAssessable, ...]]:
    """Details with a section and a line, and those that lack one, with the reason."""
    details: list[FatigueDetail] = []
    excluded: list[NotAssessable] = []
    known = {item.name.removeprefix(KNOWN_SECTION): item for item in _named(bridge, KNOWN_SECTION)}
    for name, item in known.items():
        found = _detail(bridge, part, name, item, lines)
        if isinstance(found, FatigueDetail):
            details.append(found)
        elif found is not None:
            excluded.append(found)
    for item in _named(bridge, MEASURED_DETAIL):
        name = item.name.removeprefix(MEASURED_DETAIL)
        if name not in known:
            excluded.append(NotAssessable(name, Phrase("measure.no_section", {"detail": name})))
    return tuple(details), tuple(excluded)


def _named(bridge: KeptBridge, prefix: str) -> Iterator[KeptAttribute]:
    return (item for item in bridge.attributes if item.name.startswith(prefix))


def _detail(
    bridge: KeptBridge,
    part: KeptPart,
    name: str,
    item: KeptAttribute,
    lines: tuple[tuple[InfluenceLine, ...], ...],
) -> FatigueDetail | NotAssessable | None:
    """The detail of an attribute; why it cannot be assessed; None if it is on another part."""
    where = f"{bridge.asset_id}, {item.name}"
    texts = [text.strip() for text in item.value.split(";")]
    if len(texts) not in (len(FIELDS), len(FIELDS) + 1):
        raise ModelError(f"{where}: {item.value!r} is not {'; '.join(FIELDS)}, and a part if need")
    if len(texts) > len(FIELDS) and texts[-1] != part.part:
        return None
    kind: DetailKind | None = next((one for one in KINDS if one == texts[3]), None)
    try:
        station_m, modulus_m3, category = (float(text) for text in texts[:3])
    except ValueError:
        raise ModelError(f"{where}: {item.value!r} is not {'; '.join(FIELDS)}") from None
    if kind is None:
        raise ModelError(f"{where}: kind {texts[3]!r} is unknown; use one of {', '.join(KINDS)}")
    near = [one for one in lines if abs(one[0].section_m - station_m) <= SAME_SECTION_M]
    if not near:
        values: Mapping[str, float | str] = {"detail": name, "station": station_m}
        return NotAssessable(name, Phrase("measure.no_line", values))
    line = min(near, key=lambda one: abs(one[0].section_m - station_m))
    return FatigueDetail(
        name=name,
        curve=sn_curve(category),
        lines=line,
        stress_mpa=section_modulus_factor(modulus_m3),
        kind=kind,
    )


# Target load level


def _targets(part: KeptPart) -> tuple[TargetEffect, ...]:
    """Effects of the target load level at the sections whose line is kept."""
    lines = {(one.effect, one.station_m): one for one in part.lines}
    found: list[TargetEffect] = []
    for item in part.effects:
        line = lines.get((item.effect, item.station_m))
        reference = _reference(item)
        if item.load_model == part.target and line is not None and reference != 0.0:
            name = next(
                (row["english"] for row in rows("load_models") if row["key"] == part.target),
                part.target,
            )
            found.append(TargetEffect((_line(line, part),), name, reference))
    return tuple(found)


def _reference(item: LoadEffect) -> float:
    return item.greatest if item.greatest >= -item.least else item.least


def _no_target(bridge: KeptBridge, part: KeptPart) -> Phrase:
    if part.target:
        return Phrase("measure.target_untyped", {"bridge": bridge.name, "target": part.target})
    return Phrase("measure.no_target", {"bridge": bridge.name})


# Restrictions


def _restrictions(
    bridge: KeptBridge, part: KeptPart, places: _Places
) -> tuple[RestrictionCase, ...]:
    """Recorded restrictions of the bridge or of this part."""
    return tuple(
        RestrictionCase(
            kind=OF_ASB_KEY.get(item.kind, "other"),
            value=item.value,
            unit=item.unit,
            links=places.links(item.links),
            exempt=_exempt(item),
            source=_source(item),
        )
        for item in bridge.restrictions
        if item.part in ("", part.part)
    )


def _exempt(item: KeptRestriction) -> tuple[str, ...]:
    """Classes that a restriction does not bind, as the roads of the city read it."""
    kind = OF_ASB_KEY.get(item.kind, "other")
    if kind == "no_passage":
        return LINE_SERVICES if item.vehicle_group else ()
    return BUSES if kind in ("axle_load", "gross_weight") else ()


def _source(item: KeptRestriction) -> str:
    cited = f" ({', '.join(item.references)})" if item.references else ""
    return f"{item.origin}{cited}"
