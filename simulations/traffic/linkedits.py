"""What each kind of intervention changes on the links that it names."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from simulations.traffic.arrays import BoolArray, IdArray
from simulations.traffic.drafts import Draft
from twin.model.interventions import Intervention
from twin.model.network import LinkProvenance
from twin.model.tables import rows as table
from twin.model.traffic import VehicleClass

_KMH = 3.6  # 1 m/s in km/h
_ROUNDING = 1e-6
_SLOWEST_KMH = 2.0  # as slow as a network may be
_NAMED = 5
_LIMITS = MappingProxyType(
    {
        "limit_weight": ("mass_t", "max_weight_t", "mass_to_t"),
        "limit_axle": ("axle_t", "max_axle_t", "axle_t"),
        "limit_height": ("height_m", "max_height_m", "height_m"),
    }
)


def link_names(draft: Draft, rows: IdArray) -> str:
    """Names, or ids where there are none, of the first links and how many more there are."""
    network = draft.network
    named = [
        network.link_name[row] if network.link_name else str(network.link_id[row])
        for row in rows[:_NAMED]
    ]
    return ", ".join(named) + (f" and {rows.size - _NAMED} more" if rows.size > _NAMED else "")


def _close(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    _, problems = draft.named_classes(item.names("except_classes"))
    draft.close(rows, draft.bits(item.names("except_classes")))
    kept = rows[(draft.network.mask[rows] == 0) & (draft.network.preload_pceh[rows] > 0.0)]
    if kept.size:
        draft.warnings.append(
            f"traffic that is always there (preload) stays on closed links, nobody reroutes it: "
            f"{link_names(draft, kept)}"
        )
    return problems


def _close_lane(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    """Take lanes away; works that were there before count as one with these."""
    network = draft.network
    closing = int(item.number("lanes"))
    lanes = network.lanes[rows].astype(np.int64)
    problems = []
    if (unknown := rows[lanes == 0]).size:
        names = link_names(draft, unknown)
        problems.append(f"the number of lanes is unknown: {names}; use capacity_factor")
    if (full := rows[(lanes > 0) & (lanes <= closing)]).size:
        problems.append(
            f"no lane would stay open: {link_names(draft, full)}; use close link (close_link)"
        )
    if problems:
        return problems
    closed = draft.closed_lanes[rows] + closing
    factor = np.array([_work_zone_factor(int(count)) for count in closed])
    if "work_zone_factor" in item.parameters:
        factor[:] = item.number("work_zone_factor")
    else:
        draft.assumptions += [
            f"open lanes beside {count} closed lane(s) keep {_work_zone_factor(count):.3f} of "
            "their capacity (Highway Capacity Manual, not verified for this country)"
            for count in np.unique(closed).tolist()
        ]
    left = lanes - closing
    share = left / (left + closed) * factor
    network.capacity_pceh[rows] *= share / draft.works_share[rows]
    network.lanes[rows] = left.astype(np.uint8)
    draft.closed_lanes[rows], draft.works_share[rows] = closed, share
    draft.mark("capacity_pceh", rows, LinkProvenance.ESTIMATED)
    return []


def _work_zone_factor(closed_lanes: int) -> float:
    """Share of its capacity that an open lane beside closed ones keeps."""
    values = {row["key"]: float(row["value"]) for row in table("work_zones")}
    return values["base_factor"] / (1.0 + values["loss_per_closed_lane"] * closed_lanes)


def _scale_capacity(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    factor = item.number("factor")
    if factor == 0.0:
        return ["factor is 0; a link without capacity is closed: use close link (close_link)"]
    draft.network.capacity_pceh[rows] *= factor
    draft.mark("capacity_pceh", rows, LinkProvenance.ESTIMATED)
    return []


def _set_speed(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    """Change the running time; what a link takes beyond length over speed stays."""
    network = draft.network
    speed_kmh = item.number("speed_kmh")
    if speed_kmh < _SLOWEST_KMH:
        slow = f"speed_kmh is {speed_kmh:g}, expected at least {_SLOWEST_KMH:g}"
        return [f"{slow}; use close link (close_link) where nobody can drive"]
    if (unknown := rows[network.speed_kmh[rows] <= 0.0]).size:
        names = link_names(draft, unknown)
        return [f"the network has no speed, only a time, on {names}; a speed changes nothing known"]
    running_s = _KMH * network.length_m[rows] / network.speed_kmh[rows]
    delay_s = network.t0_s[rows] - running_s
    odd = rows[delay_s < -_ROUNDING * np.maximum(1.0, running_s)]
    if odd.size:
        names = link_names(draft, odd)
        return [f"length, speed and time do not fit, so a speed says nothing about times: {names}"]
    network.t0_s[rows] = np.maximum(delay_s, 0.0) + _KMH * network.length_m[rows] / speed_kmh
    network.speed_kmh[rows] = speed_kmh
    return []


def _limit(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    """Set a limit unless a stricter one is in force; classes beyond it lose the link."""
    parameter, column, attribute = _LIMITS[item.kind]
    value = item.number(parameter)
    exempt = item.names("except_classes")
    _, problems = draft.named_classes(exempt)
    if problems:
        return problems
    members = draft.all_classes
    was_open = draft.is_open(rows, members)
    limits = getattr(draft.network, column)
    looser = rows[limits[rows] < value]
    if looser.size:
        draft.warnings.append(f"a stricter limit than {value:g} stays: {link_names(draft, looser)}")
    limits[rows] = np.minimum(limits[rows], value)
    for index, member in enumerate(members):
        if getattr(member, attribute) <= value:
            continue
        bit = np.uint32(1 << member.bit)
        if member.name in exempt:
            draft.exempt()[rows[was_open[index]]] |= bit
        elif draft.network.limit_exempt is not None:
            free = rows[(draft.network.limit_exempt[rows] & bit) != 0]
            bound = _bound_by_this_alone(draft, item, member, free)
            draft.network.limit_exempt[free[bound]] &= ~bit
            draft.network.mask[free[~bound]] &= ~bit
    if "obey_share" in item.parameters:
        draft.obey_share[rows] = item.number("obey_share")
        if item.number("obey_share") < 1.0:
            draft.assumptions.append(
                f"routes and flows are those of vehicles that keep the limit of {value:g} on "
                f"{', '.join(item.targets)}; the share {1.0 - item.number('obey_share'):.3g} that "
                "does not keep it is not in the flows"
            )
    return []


def _bound_by_this_alone(
    draft: Draft, item: Intervention, member: VehicleClass, rows: IdArray
) -> BoolArray:
    """Links on which a class that was exempt is bound by this mass limit and by no other one."""
    network = draft.network
    if item.kind != "limit_weight":
        return np.zeros(rows.size, dtype=np.bool_)
    fits = (network.max_axle_t[rows] >= member.axle_t) & (
        network.max_height_m[rows] >= member.height_m
    )
    return fits & (network.max_weight_t[rows] == item.number("mass_t"))


def _ban(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    _, problems = draft.named_classes(item.names("classes"))
    draft.network.mask[rows] &= ~draft.bits(item.names("classes"))
    return problems


def _keep_distance(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    draft.min_gap_m[rows] = np.maximum(draft.min_gap_m[rows], item.number("min_gap_m"))
    return []


def _set_toll(draft: Draft, item: Intervention, rows: IdArray) -> list[str]:
    chosen, problems = chosen_classes(draft, item)
    draft.tolls()[np.ix_(chosen, rows)] = item.number("toll_eur")
    return problems


def chosen_classes(draft: Draft, item: Intervention) -> tuple[BoolArray, list[str]]:
    """Classes that are named; all of them if none is."""
    if not item.names("classes"):
        return np.ones(len(draft.classes), dtype=np.bool_), []
    return draft.named_classes(item.names("classes"))


HANDLERS: Mapping[str, Callable[[Draft, Intervention, IdArray], list[str]]] = MappingProxyType(
    {
        "close_link": _close,
        "close_direction": _close,
        "close_asset": _close,
        "close_lane": _close_lane,
        "capacity_factor": _scale_capacity,
        "speed": _set_speed,
        "limit_weight": _limit,
        "limit_axle": _limit,
        "limit_height": _limit,
        "class_ban": _ban,
        "distance_rule": _keep_distance,
        "toll": _set_toll,
    }
)
