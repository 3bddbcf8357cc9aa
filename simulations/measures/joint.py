"""Joint analysis: every part structure before and after a scenario.

Each part is looked at by itself, from its own rows, tables and draws: the order of bridges changes
nothing. Without a change of flows and without a measure on a part, both of its sides are the same
numbers to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulations.measures.acting import MEETINGS, acting_on, fitted, guided
from simulations.measures.cases import BridgeCase, require_unique
from simulations.measures.causes import causes
from simulations.measures.damage import DamageFound, PartTables, damages, part_tables, worst
from simulations.measures.document import Cause, Role
from simulations.measures.flows import PartFlows, TrafficSides, part_flows, rows_of_case
from simulations.measures.met import MetRestriction, Ways, restrictions_met
from simulations.measures.stress import (
    UtilisationFound,
    met_damage,
    utilisations,
    week_reason,
)
from simulations.measures.weeks import Week, week
from simulations.measures.words import Said, of_texts, say
from simulations.structure.details import NotAssessable
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.traffic import BridgeTraffic, VehicleClass

_NO_NAMES: Mapping[str, str] = MappingProxyType({})
LOADS = (*MEETINGS, "lane_guidance", "speed", "close_lane")
"""Interventions that change how vehicles drive on a bridge, whatever their number."""


@dataclass(frozen=True, slots=True, eq=False)
class PartFound:
    """What was found of one part structure.

    Parameters
    ----------
    before, after
        Hand-over rows of the part.
    tables
        What vehicles do to it.
    damage
        The detail or section that it is told by; None if nothing can be said.
    refused
        Details without a figure.
    tool
        A where vehicles are alone on the bridge, C where they meet.
    utilisation, no_utilisation
        One of both.
    label
        How the calibration knows its links: observed, near, inferred, or empty.
    is_whole
        Whether the part is taken to carry all traffic of its bridge.
    """

    case: BridgeCase
    before: tuple[BridgeTraffic, ...]
    after: tuple[BridgeTraffic, ...]
    flows: PartFlows
    role: Role
    acting: tuple[Intervention, ...]
    tables: PartTables
    damage: DamageFound | None
    refused: tuple[NotAssessable, ...]
    tool: str
    utilisation: UtilisationFound | None
    no_utilisation: Said | None
    met: tuple[MetRestriction, ...]
    causes: tuple[Cause, ...]
    label: str
    is_whole: bool
    said: tuple[Said, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """The joint analysis of a scenario.

    Parameters
    ----------
    parts
        By falling gain of heavy vehicles.
    without_traffic
        Cases on which no link of the network lies.
    names
        Readable names by registry id.
    """

    scenario: Scenario
    sides: TrafficSides
    parts: tuple[PartFound, ...]
    without_traffic: tuple[BridgeCase, ...]
    seed: int
    names: Mapping[str, str] = field(default_factory=lambda: _NO_NAMES)


def analyse(
    cases: Sequence[BridgeCase],
    sides: TrafficSides,
    *,
    scenario: Scenario,
    seed: int = 0,
    names: Mapping[str, str] = _NO_NAMES,
    with_weeks: bool = True,
) -> Joint:
    """What a scenario does to every part structure.

    Parameters
    ----------
    cases
        One per part structure, in any order.
    sides
        Traffic before and after.
    scenario
        What was asked.
    seed
        Of the simulated weeks.
    names
        Readable names of zones by registry id.
    with_weeks
        Whether to simulate weeks where they are needed.

    Raises
    ------
    ModelError
        If a part is described twice.
    """
    require_unique(cases)
    ways = Ways.of(sides)
    nodes, links = _zone_names(sides, names), _link_names(sides, names)
    parts, without = [], []
    for case in sorted(cases, key=lambda one: (one.asset_id, one.part_id)):
        before, whole = rows_of_case(case, sides.before)
        after, _ = rows_of_case(case, sides.after)
        if not (before or after):
            without.append(case)
            continue
        parts.append(
            _part(
                case, sides, before, after, scenario=scenario, seed=seed, nodes=nodes,
                link_names=links, ways=ways, with_weeks=with_weeks,
                whole=whole and case.part_id != case.asset_id,
            )
        )  # fmt: skip
    ranked = sorted(
        parts, key=lambda one: (-one.flows.gain_vehh, one.case.asset_id, one.case.part_id)
    )
    return Joint(scenario, sides, tuple(ranked), tuple(without), seed, names)


def _part(
    case: BridgeCase, sides: TrafficSides, before: tuple[BridgeTraffic, ...],
    after: tuple[BridgeTraffic, ...], *, scenario: Scenario, seed: int,
    nodes: Mapping[int, str], link_names: Mapping[str, str], ways: Ways, with_weeks: bool,
    whole: bool,
) -> PartFound:  # fmt: skip
    links = np.unique([row.link_ids[0] for row in (*before, *after)]).astype(np.int64)
    flows = part_flows(case, sides, before, after)
    acting = acting_on(scenario, sides.edited, sides.edited.network, links, case.asset_id)
    heavy = _heavy_classes(flows)
    one = fitted(case, _with_masses(before))
    two = fitted(case, guided(_with_masses(after), acting, heavy=[item.name for item in heavy]))
    part_id = (before or after)[0].part_id
    tables = part_tables(case, {row.mass_distribution_id for row in (*one, *two)}, part_id=part_id)
    found, refused = damages(tables, one, two, day_factor=sides.day_factor)
    loads = any(item.kind in LOADS for item in acting)
    changes = loads or _differ(one, two)
    drawn = None
    reason = week_reason(case, day_factor=sides.day_factor, changes=changes)
    meets = any(item.kind in MEETINGS for item in acting) and bool(found)
    if with_weeks and sides.day_factor is not None and (reason is None or meets):
        drawn = week(
            case, one, two, classes=heavy, acting=acting, seed=seed, day_factor=sides.day_factor
        )
    told, tool, said = _told(case, found, drawn if meets else None)
    used = utilisations(case, drawn) if drawn is not None and reason is None else None
    if used is None and reason is None:
        reason = say("refused.no_heavy", name=case.name)
    gains = flows.gain_vehh >= 0.0
    role = role_of(flows.gain_vehh, is_target=bool(acting), is_sure=flows.is_significant)
    return PartFound(
        case=case,
        before=one,
        after=two,
        flows=flows,
        role=role,
        acting=acting,
        tables=tables,
        damage=told,
        refused=refused,
        tool=tool,
        utilisation=used,
        no_utilisation=reason if used is None else None,
        met=restrictions_met(case, sides, flows, ways, links=links),
        causes=tuple(causes(sides, links, flows=flows, names=nodes, gains=gains)),
        label=_label(sides, links),
        is_whole=whole,
        said=tuple(_said(case, told, drawn if used is not None or tool == "C" else None, said,
                         whole=whole, links=link_names)),
    )  # fmt: skip


def _told(
    case: BridgeCase, found: Sequence[DamageFound], drawn: Week | None
) -> tuple[DamageFound | None, str, tuple[Said, ...]]:
    """The damage that a part is told by, and the tool behind it."""
    if drawn is not None:
        meeting = worst(met_damage(case, drawn))
        if meeting is not None:
            return meeting, "C", (say("assume.stream"),)
    return worst(found), "A", ()


def _said(
    case: BridgeCase, told: DamageFound | None, drawn: Week | None, more: Sequence[Said], *,
    whole: bool, links: Mapping[str, str],
) -> list[Said]:  # fmt: skip
    texts = [*case.assumptions, *(told.assumptions if told is not None else ())]
    out = [*of_texts(texts, links=links), *more]
    if whole:
        out.append(say("assume.part_unknown", name=case.name))
    if told is not None and told.status == "relative":
        out.append(say("assume.relative"))
    if drawn is not None:
        out += drawn.said
    return out


def role_of(gain: float, *, is_target: bool, is_sure: bool) -> Role:
    """Role of a part in a measure by its gain of heavy vehicles and whether that counts.

    Examples
    --------
    >>> role_of(12.0, is_target=False, is_sure=True), role_of(12.0, is_target=False, is_sure=False)
    ('detour', 'unchanged')
    """
    if is_target:
        return "target"
    if not is_sure:
        return "unchanged"
    return "detour" if gain > 0.0 else "relieved"


def _with_masses(rows: Sequence[BridgeTraffic]) -> tuple[BridgeTraffic, ...]:
    """Rows of classes whose gross masses are known; vehicles without any do no damage here."""
    return tuple(row for row in rows if row.mass_distribution_id)


def _heavy_classes(flows: PartFlows) -> tuple[VehicleClass, ...]:
    return tuple(
        item
        for item, heavy in zip(flows.classes, flows.heavy.tolist(), strict=True)
        if heavy and item.mass_distribution_id
    )


def _differ(before: Sequence[BridgeTraffic], after: Sequence[BridgeTraffic]) -> bool:
    """Whether any number that loads the bridge differs between both sides."""
    return [_loading(row) for row in before] != [_loading(row) for row in after]


def _loading(row: BridgeTraffic) -> BridgeTraffic:
    return replace(row, kind="", assumptions=(), relative_gap=0.0, heavy_share=0.0)


def _label(sides: TrafficSides, links: NDArray[np.int64]) -> str:
    """The worst label of the calibration among the links of a part; empty without any."""
    around = sides.base.surroundings
    known = dict(zip(around.band_link.tolist(), around.band_label, strict=True))
    labels = {known[link] for link in links.tolist() if link in known}
    order = ("inferred", "near", "observed")
    return next((one for one in order if one in labels), "")


def _link_names(sides: TrafficSides, names: Mapping[str, str]) -> Mapping[str, str]:
    """Readable names by number of the link, for sentences that list links."""
    network = sides.edited.network
    ids = zip(network.link_id.tolist(), network.link_name, strict=False)
    return {str(link): names.get(name, name) for link, name in ids if name}


def _zone_names(sides: TrafficSides, names: Mapping[str, str]) -> Mapping[int, str]:
    network = sides.base.network
    ids = zip(network.node_id.tolist(), network.node_name, strict=False)
    return {node: names.get(name, name) for node, name in ids if name}
