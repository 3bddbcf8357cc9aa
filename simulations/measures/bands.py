"""Bands from the members of an ensemble, which hold 90 % of further members on average.

The ends are order statistics at the positions ``p (N + 1)``: the place of a further member among N
is uniform, so they hold 90 % from 19 members on; fewer give the smallest and the largest member,
which hold ``(N - 1) / (N + 1)`` (H. A. David, H. N. Nagaraja: Order Statistics, 3rd ed., 2.5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simulations.measures.acting import fitted, guided
from simulations.measures.damage import PartTables, damages, part_tables
from simulations.measures.document import Band
from simulations.measures.draws import Draw
from simulations.measures.flows import PartFlows, TrafficSides, part_flows, rows_of_case
from simulations.measures.joint import Joint, PartFound, role_of
from simulations.traffic.compare import Comparison
from twin.errors import ModelError
from twin.model.traffic import BridgeTraffic

LOW, HIGH = 0.05, 0.95
"""Quantiles at both ends of a band."""
LEAST_MEMBERS = 5
"""With fewer members there is no band."""
FULL_MEMBERS = 19
"""With fewer members a band holds less than 90 %, and says so."""
HEAVY_LIMIT_T = 30.0
SUMS = ("vehicle_h", "vehicle_km", "delay_h", "heavy_km")
_FACTOR_STEP = 0.02
"""Steps of the logarithm of stress factors, for which tables of damage are made."""


@dataclass(frozen=True, slots=True)
class PartMember:
    """One part structure in one member: change of heavy vehicles [1/h], crossings, damage.

    Parameters
    ----------
    above_vehh
        Change of crossings above each gross mass [1/h].
    factors
        Damage after over before; by powers two of them; empty where nothing is known.
    stress_factor
        Of this member: weights times model.
    """

    gain_vehh: float
    above_vehh: Mapping[float, float]
    factors: tuple[float, ...]
    stress_factor: float


@dataclass(frozen=True, slots=True)
class MemberFound:
    """What one member says: parts by id, and changes of sums by key."""

    member: int
    parts: Mapping[str, PartMember]
    changes: Mapping[str, float]


@dataclass
class StressTables:
    """Tables of damage of one part at several stress factors, each made once."""

    part: PartFound
    known: dict[int, PartTables] = field(default_factory=dict)

    def at(self, factor: float) -> PartTables:
        """Tables at a stress factor, rounded to 2 %; powers of ranges do not depend on it."""
        if not self.part.tables.details:
            return self.part.tables
        step = round(float(np.log(factor)) / _FACTOR_STEP)
        if step not in self.known:
            scaled = float(np.exp(step * _FACTOR_STEP))
            case = self.part.case
            details = tuple(
                replace(one, stress_mpa=one.stress_mpa * scaled) for one in case.details
            )
            kinds = {row.mass_distribution_id for row in (*self.part.before, *self.part.after)}
            first = (self.part.before or self.part.after)[:1]
            self.known[step] = part_tables(
                replace(case, details=details), tuple(kinds),
                part_id=first[0].part_id if first else case.part_id,
            )  # fmt: skip
        return self.known[step]


@dataclass
class Ensemble:
    """Collects members of a joint analysis; their order and the order of bridges change nothing.

    Parameters
    ----------
    joint
        The analysis without any draw.
    """

    joint: Joint
    members: dict[int, MemberFound] = field(default_factory=dict)
    tables: dict[str, StressTables] = field(default_factory=dict)

    def add(self, draw: Draw, sides: TrafficSides) -> None:
        """Take one member: the traffic that its demand leads to, before and after.

        Raises
        ------
        ModelError
            If this member was taken before.
        """
        if draw.member in self.members:
            raise ModelError(f"member {draw.member} was taken before; number members from 0 on")
        parts = {one.case.part_id: self._part(one, draw, sides) for one in self.joint.parts}
        self.members[draw.member] = MemberFound(draw.member, parts, changes_of(sides.found))

    def _part(self, part: PartFound, draw: Draw, sides: TrafficSides) -> PartMember:
        case = part.case
        before, _ = rows_of_case(case, sides.before)
        after, _ = rows_of_case(case, sides.after)
        before, after = (_weighed(rows, draw.weight_factor) for rows in (before, after))
        flows = part_flows(case, sides, before, after)
        stress = draw.stress_factor(case)
        limits = {
            limit: self._above(flows, limit / draw.weight_factor) for limit in limits_of(part)
        }
        return PartMember(
            flows.gain_vehh, limits, self._factors(part, stress, before, after), stress
        )

    @staticmethod
    def _above(flows: PartFlows, limit_t: float) -> float:
        before, after = flows.above_vehh(limit_t)
        return after - before

    def _factors(
        self, part: PartFound, stress: float, before: Sequence[BridgeTraffic],
        after: Sequence[BridgeTraffic],
    ) -> tuple[float, ...]:  # fmt: skip
        told = part.damage
        if told is None or part.tool != "A":
            return ()
        tables = self.tables.setdefault(part.case.part_id, StressTables(part)).at(stress)
        heavy = [
            item.name
            for item, is_heavy in zip(part.flows.classes, part.flows.heavy.tolist(), strict=True)
            if is_heavy
        ]
        one = fitted(part.case, [row for row in before if row.mass_distribution_id])
        two = fitted(
            part.case,
            guided([row for row in after if row.mass_distribution_id], part.acting, heavy=heavy),
        )
        found, _ = damages(tables, one, two, day_factor=None)
        return next((item.factors for item in found if item.detail == told.detail), ())

    def of_part(self, part_id: str) -> tuple[PartMember, ...]:
        """Members of one part, in their order."""
        return tuple(self.members[key].parts[part_id] for key in sorted(self.members))

    def band_of_sum(self, key: str) -> Band | None:
        """Band of the change of a sum over the town."""
        values = [self.members[one].changes.get(key) for one in sorted(self.members)]
        return band([one for one in values if one is not None])

    def gain_band(self, part_id: str, day_factor: float | None) -> Band | None:
        """Band of the change of heavy vehicles a day."""
        if day_factor is None:
            return None
        return band([one.gain_vehh * day_factor for one in self.of_part(part_id)])

    def above_band(self, part_id: str, limit_t: float, day_factor: float | None) -> Band | None:
        """Band of the change of crossings a day above a gross mass."""
        if day_factor is None:
            return None
        values = [one.above_vehh.get(limit_t) for one in self.of_part(part_id)]
        return band([one * day_factor for one in values if one is not None])

    def factor_band(self, part_id: str) -> Band | None:
        """Band of the factor of damage; by powers, of both of them together."""
        low_high = [
            (min(one.factors), max(one.factors)) for one in self.of_part(part_id) if one.factors
        ]
        if len(low_high) < LEAST_MEMBERS:
            return None
        lows, highs = np.array(low_high).T
        least, most = band(lows.tolist()), band(highs.tolist())
        if least is None or most is None:
            return None
        return {**most, "low": least["low"]}

    def utilisation_band(self, part_id: str, scenario: float) -> Band | None:
        """Band of the utilisation after: effects are linear in weights; flows are not drawn."""
        return band([scenario * one.stress_factor for one in self.of_part(part_id)])


def band(values: Sequence[float]) -> Band | None:
    """Between the order statistics of 5 and 95 %; None from fewer than five members.

    Examples
    --------
    >>> band([1.0, 2.0, 3.0, 4.0, 5.0])["low"], band([1.0])
    (1.0, None)
    """
    if len(values) < LEAST_MEMBERS:
        return None
    low, middle, high = np.quantile(
        np.asarray(values, dtype=np.float64), [LOW, 0.5, HIGH], method="weibull"
    )
    return {
        "low": float(low), "median": float(middle), "high": float(high), "members": len(values),
    }  # fmt: skip


def is_sure(change: float, found: Band | None, *, is_above_floor: bool) -> bool:
    """Whether a change counts: the one rule of roles, tables and sentences.

    With members their band decides: it must leave zero out, on the side of the change. Without a
    band the noise floor of both equilibria decides.

    Examples
    --------
    >>> band_ = {"low": 44.0, "median": 210.0, "high": 577.0, "members": 50}
    >>> is_sure(78.0, band_, is_above_floor=False)
    True
    >>> is_sure(462.0, {**band_, "low": -222.0}, is_above_floor=True)
    False
    >>> is_sure(462.0, None, is_above_floor=True)
    True
    """
    if found is None:
        return is_above_floor
    return (found["low"] > 0.0 and change > 0.0) or (found["high"] < 0.0 and change < 0.0)


def is_gain_sure(part: PartFound, ensemble: Ensemble | None, day_factor: float | None) -> bool:
    """Whether the change of heavy vehicles on a part counts."""
    flows = part.flows
    found = None if ensemble is None else ensemble.gain_band(part.case.part_id, day_factor)
    return is_sure(flows.gain_vehh, found, is_above_floor=flows.is_significant)


def with_roles(joint: Joint, ensemble: Ensemble | None) -> Joint:
    """The analysis with roles that rest on bands, where there are any."""
    day = joint.sides.day_factor
    parts = tuple(
        replace(
            part,
            role=role_of(
                part.flows.gain_vehh,
                is_target=part.role == "target",
                is_sure=is_gain_sure(part, ensemble, day),
            ),
        )
        for part in joint.parts
    )
    return replace(joint, parts=parts)


def coverage(members: int) -> float:
    """Share of further members that a band holds on average [-].

    Examples
    --------
    >>> coverage(50), round(coverage(5), 3)
    (0.9, 0.667)
    """
    return round(min(HIGH - LOW, (members - 1) / (members + 1)), 9)


def _weighed(rows: Sequence[BridgeTraffic], factor: float) -> tuple[BridgeTraffic, ...]:
    """Rows whose limits are those of vehicles before their weights were drawn.

    A vehicle of mass m weighs m times the factor: it is above a limit if m is above the limit over
    the factor. Infinite limits stay. The same holds for the masses that divide a class.
    """
    return tuple(
        replace(
            row,
            mass_limit_t=row.mass_limit_t / factor,
            mass_from_t=row.mass_from_t / factor,
            mass_to_t=row.mass_to_t / factor,
        )
        for row in rows
    )


def limits_of(part: PartFound) -> tuple[float, ...]:
    """Gross masses above which crossings are counted: 30 t, and the limits of the part."""
    found = {HEAVY_LIMIT_T}
    for one in part.met:
        value = one.restriction.value
        if one.restriction.kind == "gross_weight" and value is not None:
            found.add(float(value))
    return tuple(sorted(found))


def changes_of(found: Comparison) -> Mapping[str, float]:
    """Changes of sums over the town, and of unserved trips."""
    changes = {key: found.total(key).difference for key in SUMS}
    return changes | {
        "unserved": float(found.scenario_unserved_vehh.sum() - found.base_unserved_vehh.sum())
    }
