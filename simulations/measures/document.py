"""The document of a measures run, form 1: what its parts hold, and how it is put together.

A number has its unit in its name; ``*_vehd`` are vehicles a day of the kind of day of the base. A
band is None where no members were computed. There are no times of computation in it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from simulations.measures.words import Said

FORM = 1

Role = Literal["target", "detour", "relieved", "unchanged"]
RestrictionStatus = Literal[
    "kept", "avoided", "newly_violated", "violated", "not_above_noise", "not_assessable"
]
FatigueStatus = Literal["assessed", "relative", "not_assessable"]


class Band(TypedDict):
    """Where 90 % of further members lie on average, less if there are few; median of them."""

    low: float
    median: float
    high: float
    members: int


class Kpi(TypedDict):
    """One figure of the whole town on both sides."""

    key: str
    unit: str
    base: float | None
    scenario: float | None
    change: float | None
    band: Band | None
    is_significant: bool
    provenance: str
    remark: Said


class Heavy(TypedDict):
    """Heavy vehicles a day; None where the base knows no share of its hour in the day.

    ``*_vehh`` are those of the hour of the base, which is always known.
    """

    base_vehd: float | None
    scenario_vehd: float | None
    change_vehd: float | None
    floor_vehd: float | None
    base_vehh: float
    scenario_vehh: float
    change_vehh: float
    floor_vehh: float
    band: Band | None
    is_significant: bool
    label: str


class MassBand(TypedDict):
    """Heavy vehicles a day of a band of gross mass."""

    from_t: float
    to_t: float
    base_vehd: float | None
    scenario_vehd: float | None


class Crossings(TypedDict):
    """Crossings a day above a gross mass; the band is that of the change."""

    limit_t: float
    base_vehd: float | None
    scenario_vehd: float | None
    band: Band | None


class Cause(TypedDict):
    """Trips from one place to another that the measure brings onto a bridge, or takes off it."""

    origin: int
    destination: int
    origin_name: str
    destination_name: str
    vehd: float | None
    heavy_vehd: float | None
    above_30t_vehd: float | None


class Fatigue(TypedDict):
    """Damage rate before and after; the band is that of the factor.

    ``factors`` are one of damage, or two of powers of ranges (m = 3 and m = 5), of which ``factor``
    is the larger. ``band_note`` says why there is no band where members were computed.
    """

    status: FatigueStatus
    detail: str
    base_per_day: float | None
    scenario_per_day: float | None
    factor: float | None
    factors: list[float]
    band: Band | None
    band_note: Said | None
    tool: str
    reason: Said | None


class Utilisation(TypedDict):
    """Simulated weekly maximum over the effect of the target load level.

    ``band_note`` says what its band leaves out, ``week_note`` which hours its week stands for.
    """

    status: Literal["computed", "not_computed"]
    effect: str
    station_m: float | None
    unit: str
    target: str
    level: float | None
    base: float | None
    scenario: float | None
    band: Band | None
    band_note: Said | None
    week_note: Said | None
    reason: Said | None


class Met(TypedDict):
    """A restriction and the vehicles a day that break or avoid it; else why flows do not say."""

    kind: str
    value: float | None
    unit: str
    status: RestrictionStatus
    base_vehd: float | None
    scenario_vehd: float | None
    avoiding_vehd: float | None
    source: str
    reason: Said | None


class Bridge(TypedDict):
    """One part structure.

    Parts with ``carries_whole_bridge`` are each taken to carry all traffic of their bridge: the
    vehicles of one are those of the others, and count once.
    """

    asset: str
    part: str
    name: str
    role: Role
    heavy: Heavy
    by_mass: list[MassBand]
    crossings_above: list[Crossings]
    causes: list[Cause]
    fatigue: Fatigue
    utilisation: Utilisation
    restrictions: list[Met]
    chain: list[Said]
    findings: list[Said]
    assumptions: list[Said]
    level: str
    carries_whole_bridge: bool


class NotAssessed(TypedDict):
    """A part structure without any figure of damage, and why."""

    asset: str
    part: str
    name: str
    reason: Said


class Found(TypedDict):
    """A statement about an asset; an empty id is the whole town."""

    asset: str
    severity: Literal["info", "warning", "critical"]
    text: Said


class Inputs(TypedDict):
    """What the document follows from."""

    base: Mapping[str, object]
    bridges_hash: str
    input_hash: str
    engine: list[str]
    traffic_engine: list[str]
    seed: int
    members: int
    relative_gap: float


class Measures(TypedDict):
    """The document."""

    form: int
    scenario: Mapping[str, object]
    sentences: dict[str, list[str]]
    inputs: Inputs
    kpis: list[Kpi]
    bridges: list[Bridge]
    not_assessable: list[NotAssessed]
    findings: list[Found]
    traffic: Mapping[str, object]
    assumptions: list[Said]
    warnings: list[Said]
    cannot_say: list[Said]


def ranked(bridges: Sequence[Bridge], gains_vehh: Mapping[str, float]) -> list[Bridge]:
    """Parts by falling gain of heavy vehicles [1/h]; equal ones by asset and part."""
    return sorted(
        bridges, key=lambda one: (-gains_vehh.get(one["part"], 0.0), one["asset"], one["part"])
    )
