"""Interventions become edits of a copy of network and demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.classes import fixed_costs
from simulations.traffic.drafts import Draft
from simulations.traffic.linkedits import HANDLERS, chosen_classes, link_names
from simulations.traffic.newlinks import build_link
from simulations.traffic.places import heading_to
from simulations.traffic.turns import EVERY_CLASS
from twin.errors import ScenarioError
from twin.model.interventions import Intervention, kinds
from twin.model.network import CostFunction, Network
from twin.model.scenarios import Scenario, check
from twin.model.traffic import Demand

_ON_THE_BRIDGE = "it acts on the bridge alone"
BRIDGE_ALONE: Mapping[str, str] = MappingProxyType(
    {
        "change_stiffness": "stiffness does not change traffic",
        "overtaking_ban": _ON_THE_BRIDGE,
        "lane_guidance": _ON_THE_BRIDGE,
        "inspection_cycle": _ON_THE_BRIDGE,
        "monitoring": _ON_THE_BRIDGE,
    }
)
"""Kinds that traffic leaves aside, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """Network and demand of a scenario, and what became of its interventions.

    Links of the base keep their rows; new links follow behind them.

    Parameters
    ----------
    network : Network
    demand : Demand
        The rows of the base's demand in their order.
    assumptions, warnings : tuple[str, ...]
        English sentences.
    inactive : tuple[Intervention, ...]
        Not valid at the evaluated time.
    not_applied : tuple[Intervention, ...]
        Of no concern to traffic, such as a change of stiffness.
    removed_links, changed_links, new_links : (ids,)
        Closed to every class of the demand; otherwise changed; built.
    changed_turns : tuple[tuple[int, int], ...]
        Link ids before and behind.
    is_affected : (classes, links)
        Permission, cost or existence of the link changed for this class.
    is_forbidden : (classes, links)
        Vehicles of the class could use the link in the base and none can now.
    noticed_above_t : (classes, links)
        Vehicles of the class above this mass are affected [t]: infinity where none is, minus
        infinity where all are.
    banned_above_t : (classes, links)
        Vehicles above this mass could use the link in the base and cannot now [t].
    is_demand_changed : (rows,)
        By row of the demand.
    obey_share, min_gap_m : (links,)
        For bridges: share that keeps the mass limit, and the distance rule (0 for none).
    """

    network: Network
    demand: Demand
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    inactive: tuple[Intervention, ...]
    not_applied: tuple[Intervention, ...]
    removed_links: IdArray
    changed_links: IdArray
    new_links: IdArray
    changed_turns: tuple[tuple[int, int], ...]
    is_affected: BoolArray
    is_forbidden: BoolArray
    noticed_above_t: FloatArray
    banned_above_t: FloatArray
    is_demand_changed: BoolArray
    obey_share: FloatArray
    min_gap_m: FloatArray

    @property
    def edited_links(self) -> IdArray:
        """Ids of all links that were closed, changed or built."""
        return np.concatenate((self.removed_links, self.changed_links, self.new_links))


def apply(
    network: Network,
    demand: Demand,
    scenario: Scenario,
    *,
    at: datetime | None = None,
    must_change: bool = True,
) -> Edited:
    """Network and demand after the interventions that are valid, in the order of the scenario.

    Parameters
    ----------
    network, demand
        The base; both stay as they are.
    scenario
    at
        Instant (aware UTC) that decides on validity; by default that of the scenario. Without any,
        every intervention acts.
    must_change
        Whether a scenario that changes nothing for any vehicle is refused.

    Raises
    ------
    ScenarioError
        With all problems at once; also if the scenario changes nothing for any vehicle.

    Examples
    --------
    >>> from simulations.traffic.examples import two_routes
    >>> from twin.model.interventions import Intervention
    >>> network, demand = two_routes()
    >>> closed = Scenario("bridge closed", "today", (Intervention("close_asset", ("B1",)),))
    >>> apply(network, demand, closed).removed_links.tolist()
    [1, 4]
    """
    check(scenario)
    moment = scenario.at if at is None else at
    active = [item for item in scenario.interventions if item.is_valid(moment)]
    draft = Draft(network, demand)
    problems: list[str] = []
    has_effect = False
    for number, item in enumerate(scenario.interventions, 1):
        if not item.is_valid(moment):
            continue
        name = f"intervention {number} ({item.kind})"
        found, changed = _edit(draft, item, name)
        problems += [f"{name}: {problem}" for problem in found]
        has_effect |= changed
    if problems:
        raise ScenarioError(*problems)
    if not has_effect and must_change:
        raise ScenarioError(_no_effect(scenario, active, moment, draft))
    if moment is None and any(i.valid_from or i.valid_until for i in scenario.interventions):
        draft.warnings.append("validity was not looked at: no time was given, everything acts")
    if moment is not None:
        draft.assumptions.append(_trips_of(demand, moment))
    inactive = tuple(item for item in scenario.interventions if not item.is_valid(moment))
    return _edited(network, demand, draft, inactive=inactive, active=active)


def unedited(network: Network, demand: Demand) -> Edited:
    """What `apply` would return if nothing changed, for two results of the same question."""
    return _edited(network, demand, Draft(network, demand), inactive=(), active=[])


def _trips_of(demand: Demand, moment: datetime) -> str:
    """Say that an instant decides on validity alone; the demand keeps its day and hours."""
    period = demand.period
    end_hour = period.start_hour + period.hours
    return (
        f"{moment:%Y-%m-%d %H:%M} UTC decides which measures are valid, not how much traffic there "
        f"is: the trips are those of {period.day_type} {period.start_hour:g} to {end_hour:g} h "
        "local time"
    )


def _no_effect(
    scenario: Scenario, active: list[Intervention], moment: datetime | None, draft: Draft
) -> str:
    if not scenario.interventions:
        return "no effect: the scenario has no intervention; ask for the base instead"
    if not active and moment is not None:
        return (
            f"no effect: no intervention is valid at {moment:%Y-%m-%d %H:%M} UTC; "
            "choose another time or another validity"
        )
    reasons = "; ".join(draft.warnings) or "all of them concern bridges only"
    return f"no effect: the interventions change nothing for any vehicle of the demand ({reasons})"


def _edit(draft: Draft, item: Intervention, name: str) -> tuple[list[str], bool]:
    """Apply one intervention; its problems, and whether any vehicle notices it."""
    kind = kinds()[item.kind]
    if item.kind in BRIDGE_ALONE:
        draft.assumptions.append(
            f"{name} on {', '.join(item.targets)} is not applied: {BRIDGE_ALONE[item.kind]}"
        )
        return [], False
    if item.kind == "new_link":
        return _build_link(draft, item, name)
    if kind.target == "turn":
        return _edit_turn(draft, item, name)
    if kind.target == "zone":
        return _scale_demand(draft, item, name)
    rows, problems = draft.places.links(
        item.targets, assets=kind.target != "link", links=kind.target != "asset"
    )
    if problems:
        return problems, False
    return _edit_links(draft, item, name, rows)


def _build_link(draft: Draft, item: Intervention, name: str) -> tuple[list[str], bool]:
    old = draft.network.link_id.size
    problems = build_link(draft, item)
    added = np.arange(old, draft.network.link_id.size)
    changed = bool(draft.noticed(added)[0].any())
    if not changed and not problems:
        draft.warnings.append(f"{name} has no effect: no vehicle of the demand may use the link")
    return problems, changed


def _edit_links(
    draft: Draft, item: Intervention, name: str, rows: IdArray
) -> tuple[list[str], bool]:
    if item.kind == "close_direction":
        rows, problems = heading_to(draft.network, rows, item.text("direction"))
        if problems:
            return problems, False
    before = draft.noticed(rows)
    closed = ~(draft.open_mass_t(rows) > -np.inf).any(axis=0)
    if closed.any() and item.kind != "distance_rule":
        draft.warnings.append(f"{name}: already closed: {link_names(draft, rows[closed])}")
    problems = HANDLERS[item.kind](draft, item, rows)
    after = draft.noticed(rows)
    changed = any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    if not changed and not problems and item.kind != "distance_rule":
        draft.warnings.append(f"{name} has no effect on any vehicle of the demand")
    return problems, changed


def _edit_turn(draft: Draft, item: Intervention, name: str) -> tuple[list[str], bool]:
    rows: list[int] = []
    problems: list[str] = []
    for target in item.targets:
        found, more = draft.places.links((target,), assets=False, links=True)
        problems += more
        rows += found.tolist()
    problems += chosen_classes(draft, item)[1]
    network = draft.network
    if not problems and network.head[rows[0]] != network.tail[rows[1]]:
        problems.append(f"{item.targets[0]} does not lead to the beginning of {item.targets[1]}")
    if problems:
        return problems, False
    banned = draft.bits(item.names("classes")) if item.names("classes") else EVERY_CLASS
    changed = draft.add_turn(
        int(network.link_id[rows[0]]),
        int(network.link_id[rows[1]]),
        penalty_s=item.number("penalty_s", 0.0),
        mask=~banned if item.kind == "turn_ban" else EVERY_CLASS,
    )
    if not changed:
        draft.warnings.append(
            f"{name} has no effect: for every vehicle of the demand the turn was like that before"
        )
    return [], changed


def _scale_demand(draft: Draft, item: Intervention, name: str) -> tuple[list[str], bool]:
    demand = draft.demand
    chosen, problems = chosen_classes(draft, item)
    ends = []
    for names in (item.targets, item.names("origins"), item.names("destinations")):
        zones, more = draft.places.zones(names)
        ends.append(zones)
        problems += more
    if problems:
        return problems, False
    rows = chosen[demand.class_index]
    if ends[0].size:
        rows &= np.isin(demand.origin, ends[0]) | np.isin(demand.destination, ends[0])
    for zones, column in ((ends[1], demand.origin), (ends[2], demand.destination)):
        if zones.size:
            rows &= np.isin(column, zones)
    before = demand.flow_vehh.copy()
    demand.flow_vehh[rows] *= item.number("factor")
    changed = not np.array_equal(before, demand.flow_vehh)
    if not changed:
        draft.warnings.append(f"{name} has no effect: it changes no trips")
    return [], changed


def _edited(
    network: Network,
    demand: Demand,
    draft: Draft,
    *,
    inactive: tuple[Intervention, ...],
    active: list[Intervention],
) -> Edited:
    after = draft.network
    mass_t, base_mass_t, dearer = _differences(network, draft)
    is_open, was_open = mass_t > -np.inf, base_mass_t > -np.inf
    changed_t = np.where(mass_t == base_mass_t, np.inf, np.minimum(mass_t, base_mass_t))
    noticed_t = np.where(dearer, -np.inf, changed_t)
    affected = noticed_t < np.inf
    old = network.link_id.size
    removed = np.zeros(after.link_id.size, dtype=np.bool_)
    removed[:old] = was_open[:, :old].any(axis=0) & ~is_open[:, :old].any(axis=0)
    changed = affected.any(axis=0) & ~removed
    changed[old:] = False
    return Edited(
        network=after,
        demand=draft.demand,
        assumptions=tuple(draft.assumptions),
        warnings=tuple(draft.warnings),
        inactive=inactive,
        not_applied=tuple(item for item in active if item.kind in BRIDGE_ALONE),
        removed_links=after.link_id[removed],
        changed_links=after.link_id[changed],
        new_links=after.link_id[old:],
        changed_turns=tuple(dict.fromkeys(draft.turns)),
        is_affected=affected,
        is_forbidden=was_open & ~is_open,
        noticed_above_t=noticed_t,
        banned_above_t=np.where(mass_t < base_mass_t, mass_t, np.inf),
        is_demand_changed=demand.flow_vehh != draft.demand.flow_vehh,
        obey_share=draft.obey_share,
        min_gap_m=draft.min_gap_m,
    )


def _differences(network: Network, draft: Draft) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Masses up to which vehicles may use a link now and before, and for whom its cost changed.

    (classes, links) each.
    """
    after = draft.network
    old, size = network.link_id.size, after.link_id.size
    rows = np.arange(size)
    mass_t = draft.open_mass_t(rows)
    base_mass_t = np.full_like(mass_t, -np.inf)
    base_mass_t[:, :old] = Draft(network, draft.demand).open_mass_t(rows[:old])
    costs = fixed_costs(after, draft.classes, t0_s=after.t0_s, link_of=rows)[:, :old]
    base_costs = fixed_costs(network, draft.classes, t0_s=network.t0_s, link_of=rows[:old])
    dearer = (costs != base_costs) | (after.t0_s[:old] != network.t0_s)
    depends = network.cost_function != CostFunction.FIXED
    dearer |= depends & (after.capacity_pceh[:old] != network.capacity_pceh)
    return mass_t, base_mass_t, np.pad(dearer, ((0, 0), (0, size - old))) & (mass_t > -np.inf)
