"""From traffic to fatigue: flows by class times damage per vehicle, before and after a measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulations.structure.crossings import ALONE
from simulations.structure.details import FatigueDetail, NotAssessable, why_not
from simulations.structure.templates import unit_table
from simulations.structure.weights import (
    GRAVITY_MS2,
    VehicleTemplate,
    templates_of,
    weight_assumptions,
)
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.traffic import BridgeTraffic

Floats = NDArray[np.float64]

WEIGHT_ERROR = 0.05
BORROWED_WEIGHT_ERROR = 0.10
"""Error of gross weights over their value where class tables stand for measured ones; own
estimates, the second one where dynamic factors are borrowed, too."""
HEAVY_T = 3.5
HOURS_A_DAY = 24.0
_QUANTILES = 400
_BANDS = 3
_SUMS, _HEAVY, _ABOVE = 5, 3, 4
_ONE_LINK = "links of one direction in a row carry the same vehicles: the worst of them counts"


@dataclass(frozen=True, slots=True)
class DamageTable:
    """Damage per vehicle at one detail, by distribution of gross weights and lane.

    Parameters
    ----------
    detail
    part_id
        Part structure that the detail is on; the bridge itself where it is one part.
    lanes
        Lanes with a line, or (None,) for one line that stands for all.
    lanes_of
        Lanes, as the lines count them, of the first, second ... lane of a direction; directions
        that are left out use 1, 2 ...
    mass_t : distribution -> (masses,)
        Rising gross masses that stand for equal shares of the vehicles [t].
    damage : distribution -> (3, lanes, masses)
        Damage of a vehicle of each mass: low, expected, high weights [-].
    """

    detail: str
    part_id: str
    lanes: tuple[int | None, ...]
    mass_t: Mapping[str, Floats]
    damage: Mapping[str, Floats]
    assumptions: tuple[str, ...]
    lanes_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def split(
        self,
        distribution: str,
        limit_t: float = np.inf,
        *,
        from_t: float = 0.0,
        to_t: float = np.inf,
    ) -> "SplitDamage":
        """Vehicles up to a mass limit, and those above it.

        Parameters
        ----------
        distribution
        limit_t
        from_t, to_t
            Only vehicles above the one and up to the other mass; of so few that the table has no
            mass between them, the one nearest to their middle stands for them.
        """
        masses, damage = self.mass_t[distribution], self.damage[distribution]
        if from_t > 0.0 or to_t < np.inf:
            rows = _between(masses, from_t, to_t)
            lowest_t = np.nextafter(from_t, np.inf)
            masses, damage = np.clip(masses[rows], lowest_t, to_t), damage[:, :, rows]
        lawful = masses <= limit_t
        none = np.zeros(damage.shape[:2])
        return SplitDamage(
            heavy=float((masses > HEAVY_T).mean()),
            above=float((~lawful).mean()),
            lawful_damage=damage[:, :, lawful].mean(axis=2) if lawful.any() else none,
            above_damage=none if lawful.all() else damage[:, :, ~lawful].mean(axis=2),
        )


def _between(masses: Floats, from_t: float, to_t: float) -> NDArray[np.int64]:
    """Rows of masses above one and up to another, or the nearest row."""
    rows = np.flatnonzero((masses > from_t) & (masses <= to_t))
    if rows.size:
        return rows
    ends = np.clip([from_t, to_t], masses[0], masses[-1])
    return np.argmin(np.abs(masses - ends.mean()), keepdims=True)


@dataclass(frozen=True, slots=True)
class SplitDamage:
    """A distribution of gross weights on both sides of a mass limit.

    Parameters
    ----------
    heavy, above
        Shares of vehicles above 3.5 t, and above the limit [-].
    lawful_damage, above_damage : (3, lanes)
        Mean damage of a vehicle up to the limit, and above it: low, expected, high weights [-].
    """

    heavy: float
    above: float
    lawful_damage: Floats
    above_damage: Floats


@dataclass(frozen=True, slots=True)
class BridgeFatigue:
    """Damage that traffic does at one detail of one bridge: a linear function of its flows.

    Parameters
    ----------
    heavy_vehicles
        Vehicles above 3.5 t in the hours of the rows.
    above_limit_vehicles
        Of them, those that break the mass limit of the bridge.
    damage, low, high
        Miner sum in these hours, and its band from flows and weights [-].
    hours
        Hours that the rows stand for.
    damage_per_day
        The same for a day; None where the rows do not make a day.
    """

    part_id: str
    detail: str
    kind: str
    heavy_vehicles: float
    above_limit_vehicles: float
    damage: float
    low: float
    high: float
    hours: float
    damage_per_day: float | None
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FatigueChange:
    """Before and after a measure at one detail; ``factor`` is after over before, None from 0."""

    before: BridgeFatigue
    after: BridgeFatigue

    @property
    def factor(self) -> float | None:
        """Damage after over before [-]."""
        return self.after.damage / self.before.damage if self.before.damage > 0.0 else None


def damage_table(
    detail: FatigueDetail,
    *,
    part_id: str,
    distributions: Sequence[str],
    lanes_of: Mapping[str, tuple[int, ...]] | None = None,
) -> DamageTable | NotAssessable:
    """Damage per vehicle of each distribution of gross weights on each lane of a detail.

    Vehicles are templates, each alone on the bridge (tool A); gross weights are a few hundred
    quantiles of their distributions, so that a mass limit can take its share away. Directions use
    the same line: a crossing has the same cycles both ways.

    Raises
    ------
    ModelError
        If a distribution is unknown.
    """
    missing = why_not(detail)
    if missing is None and detail.kind == "prestressing_steel":
        missing = NotAssessable(
            detail.name, Phrase("fatigue_decompression_unknown", {"detail": detail.name})
        )
    if missing is not None:
        return missing
    error = BORROWED_WEIGHT_ERROR if detail.dynamic.is_borrowed else WEIGHT_ERROR
    masses, damages, used = {}, {}, []
    for name in distributions:
        templates = templates_of(name)
        used += templates
        masses[name], damages[name] = _by_mass(templates, detail, error)
    said = (
        *detail.assumptions,
        ALONE,
        *weight_assumptions(used),
        f"band of weights: {error:.0%} (own estimate)",
    )
    lanes = tuple(line.lane for line in detail.lines)
    return DamageTable(detail.name, part_id, lanes, masses, damages, said, dict(lanes_of or {}))


def _by_mass(
    templates: Sequence[VehicleTemplate], detail: FatigueDetail, error: float
) -> tuple[Floats, Floats]:
    """Rising masses that stand for equal shares, and damage of each, (3, lanes, masses)."""
    table = unit_table(templates, detail)
    phi = float(detail.dynamic.at(np.array([np.inf]))[0])
    counts = np.maximum(np.round(_QUANTILES * np.array([one.share for one in templates])), 1)
    columns, masses = [], []
    for row, (one, count) in enumerate(zip(templates, counts.astype(int).tolist(), strict=True)):
        mass = one.mass_t((np.arange(count) + 0.5) / count)
        masses.append(mass)
        gross = GRAVITY_MS2 * phi * mass * np.array([[1.0 - error], [1.0], [1.0 + error]])
        lanes = []
        for lane in range(0, table.tracks, 2):
            place = row * table.tracks + lane
            rows = slice(table.first[place], table.first[place + 1])
            ranges = gross[..., None] * table.ranges[rows]
            lanes.append(detail.curve.damage(ranges) @ table.weights[rows])
        columns.append(np.stack(lanes, axis=1))
    order = np.argsort(np.concatenate(masses), kind="stable")
    return np.concatenate(masses)[order], np.concatenate(columns, axis=2)[..., order]


def bridge_fatigue(
    rows: Sequence[BridgeTraffic],
    table: DamageTable,
    *,
    base: Sequence[BridgeTraffic] = (),
    day_factor: float | None = None,
) -> BridgeFatigue | NotAssessable:
    """Damage of the traffic of one bridge: flow times damage per vehicle, summed.

    Parameters
    ----------
    rows
        Hand-over rows; those of other part structures are left out.
    table
        Of a detail of one part structure.
    base
        Rows before the measure: where rows say that a share does not keep a mass limit, these
        vehicles are that share of the flow of the same class, link and hour here.
    day_factor
        Damage of a day over that of the hours of the rows; needed where they do not make a day.

    Raises
    ------
    ModelError
        If rows disobey a limit and no row of the base matches.
    """
    mine = [row for row in rows if row.part_id == table.part_id]
    before = {_place(row): row for row in base}
    sums: dict[tuple[str, tuple[int, ...]], Floats] = {}
    splits = {kind: _split(table, *kind) for kind in {_kind(row) for row in mine}}
    for row in mine:
        columns = _columns(row, table)
        if isinstance(columns, NotAssessable):
            return columns
        place = (row.direction, row.link_ids)
        split = splits[_kind(row)]
        sums[place] = sums.get(place, np.zeros(_SUMS)) + _of_row(row, split, columns, before)
    found = np.zeros(_SUMS)
    for direction in {direction for direction, _ in sums}:
        links = [total for (one, _), total in sums.items() if one == direction]
        found += max(links, key=lambda total: float(total[1]))
    hours = _hours(mine)
    scale = 1.0 if hours == HOURS_A_DAY else day_factor
    return BridgeFatigue(
        part_id=table.part_id,
        detail=table.detail,
        kind=mine[0].kind if mine else "base",
        heavy_vehicles=float(found[_HEAVY]),
        above_limit_vehicles=float(found[_ABOVE]),
        damage=float(found[1]),
        low=float(found[0]),
        high=float(found[2]),
        hours=hours,
        damage_per_day=None if scale is None else float(found[1]) * scale,
        assumptions=_said(mine, table, hours, day_factor),
    )


def _kind(row: BridgeTraffic) -> tuple[str, float, float, float]:
    """What decides on the damage of a vehicle of a row."""
    return row.mass_distribution_id, row.mass_limit_t, row.mass_from_t, row.mass_to_t


def _split(
    table: DamageTable, distribution: str, limit_t: float, from_t: float, to_t: float
) -> SplitDamage:
    return table.split(distribution, limit_t, from_t=from_t, to_t=to_t)


def fatigue_change(
    before: Sequence[BridgeTraffic],
    after: Sequence[BridgeTraffic],
    table: DamageTable,
    *,
    day_factor: float | None = None,
) -> FatigueChange | NotAssessable:
    """The damage at one detail before and after a measure."""
    first = bridge_fatigue(before, table, day_factor=day_factor)
    if isinstance(first, NotAssessable):
        return first
    second = bridge_fatigue(after, table, base=before, day_factor=day_factor)
    if isinstance(second, NotAssessable):
        return second
    return FatigueChange(first, second)


def _place(row: BridgeTraffic) -> tuple[object, ...]:
    return (row.asset_id, row.link_ids, row.direction, row.vehicle_class, row.mass_from_t,
            row.period_start_hour, row.day_type)  # fmt: skip


def _columns(row: BridgeTraffic, table: DamageTable) -> Floats | NotAssessable:
    """Share of the vehicles of a row on each lane of the table, shape (lanes,)."""
    if table.lanes == (None,):
        return np.ones(1)
    shares = np.zeros(len(table.lanes))
    names = table.lanes_of.get(row.direction, tuple(range(1, len(row.lane_shares) + 1)))
    for lane, share in zip(names, row.lane_shares, strict=True):
        if share > 0.0 and lane not in table.lanes:
            values = {"detail": table.detail, "lane": lane}
            return NotAssessable(table.detail, Phrase("fatigue_lane_unknown", values))
        if share > 0.0:
            shares[table.lanes.index(lane)] += share
    return shares


def _of_row(
    row: BridgeTraffic, split: SplitDamage, lanes: Floats,
    before: Mapping[tuple[object, ...], BridgeTraffic],
) -> Floats:  # fmt: skip
    """Damage (low, expected, high), heavy vehicles and those above the limit, of one row."""
    counts = row.hours * np.array([row.flow_low_vehh, row.flow_vehh, row.flow_high_vehh])
    total = np.append(counts * (split.lawful_damage @ lanes), (counts[1] * split.heavy, 0.0))
    if row.obey_share == 1.0 or split.above == 0.0:
        return total
    other = before.get(_place(row))
    if other is None:
        raise ModelError(
            f"{row.part_id}, link {row.link_ids[0]}, {row.vehicle_class}: the share "
            f"{1.0 - row.obey_share:g} breaks the limit; its flow is in the rows before the "
            "measure, give them as base"
        )
    flows = np.array([other.flow_low_vehh, other.flow_vehh, other.flow_high_vehh])
    still = (1.0 - row.obey_share) * split.above * row.hours * flows
    return total + np.append(still * (split.above_damage @ lanes), (still[1], still[1]))


def _hours(rows: Sequence[BridgeTraffic]) -> float:
    """Hours of a day that rows stand for, each one once."""
    return float(sum({(row.day_type, row.period_start_hour): row.hours for row in rows}.values()))


def _said(
    rows: Sequence[BridgeTraffic], table: DamageTable, hours: float, day_factor: float | None
) -> tuple[str, ...]:
    said = [*table.assumptions, _ONE_LINK, *(text for row in rows for text in row.assumptions)]
    if hours != HOURS_A_DAY:
        said.append(
            f"the rows stand for {hours:g} hours; "
            + (
                "no figure for a day"
                if day_factor is None
                else f"a day is {day_factor:.3g} times it"
            )
        )
    return tuple(dict.fromkeys(said))
