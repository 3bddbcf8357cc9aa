"""What a bridge is: structure, part structures, components, restrictions, recalculation, tasks.

Fields are named in English; ``asb_fields.csv`` gives name, unit and key table of ASB-ING for each.
Keys are texts of ``asb_keys.csv``; an empty text or None means that the source says nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

COMPENSATIONS = (
    "distance_rule",
    "speed_limit",
    "shorter_cycle",
    "weight_limit",
    "monitoring",
    "lane_guidance",
    "overtaking_ban",
)
"""The seven compensation measures, as fields of `Recalculation`."""

UNANNOUNCED = frozenset({"2.1", "2.3"})
"""Keys of stress corrosion where a failure may come without announcement."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure (Bauwerk) as one number of the owner's list."""

    number: str
    name: str = ""
    place: str = ""
    owner: str = ""
    roads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Crossing:
    """What passes below: water with its gauge, a railway, a road."""

    kind: str
    name: str = ""
    gauge: str = ""


@dataclass(frozen=True, slots=True)
class PartStructure:
    """A part structure (Teilbauwerk) with the attributes of the bridge (Bruecke).

    Parameters
    ----------
    links
        Directed links that it carries, by id.
    spans_m
        All spans in the direction of stationing [m]; empty unless every one is known.
    east_m, north_m, crs
        Position as the list gives it, with its coordinate system such as ``EPSG:25833``.
    """

    number: str
    part: str
    name: str = ""
    function: str = ""
    construction: str = ""
    stage: str = ""
    under_traffic: bool | None = None
    load_index: str = ""
    target_load_level: str = ""
    heavy_transport: str = ""
    responsible: str = ""
    year_built: int | None = None
    kind: str = ""
    length_m: float | None = None
    width_m: float | None = None
    total_width_m: float | None = None
    deck_area_m2: float | None = None
    static_system: str = ""
    static_system_across: str = ""
    coupling_joints: str = ""
    stress_corrosion: str = ""
    hollow_bodies: str = ""
    design_load: str = ""
    spans_m: tuple[float, ...] = ()
    main_span_m: float | None = None
    skew_deg: float | None = None
    east_m: float | None = None
    north_m: float | None = None
    crs: str = ""
    links: tuple[str, ...] = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """What is known of a component: a superstructure, span, bearing or tendon group.

    Parameters
    ----------
    component
        Id in the component tree of the asset.
    group
        Key of the table ``component_group``.
    bearing_kind, fixity
        For a bearing; fixity in words: fixed, along, across, all.
    prestress_degree
        In words of the source: full, limited, partial.
    """

    component: str
    name: str = ""
    group: str = ""
    from_m: float | None = None
    to_m: float | None = None
    material: str = ""
    area_m2: float | None = None
    inertia_y_m4: float | None = None
    inertia_z_m4: float | None = None
    torsion_m4: float | None = None
    modulus_top_m3: float | None = None
    modulus_bottom_m3: float | None = None
    height_min_m: float | None = None
    height_max_m: float | None = None
    webs: int | None = None
    cells: int | None = None
    span_m: float | None = None
    bearing_kind: str = ""
    fixity: str = ""
    has_coupling_joints: bool | None = None
    prestress_system: str = ""
    prestress_degree: str = ""


@dataclass(frozen=True, slots=True)
class Restriction:
    """A restriction of traffic (Verkehrseinschraenkung) in force or ordered.

    Parameters
    ----------
    kind
        Key of the table ``restriction_kind``.
    value, unit
        Extent: ``t`` for masses, ``km/h``, ``m``; None where the kind has none.
    signs
        Numbers of the StVO signs.
    valid_from, valid_until
        Dates, both included; None if open.
    daily_from, daily_until
        Local time ``HH:MM``; empty if all day.
    links
        Directed links that it acts on, by id; empty if the whole asset.
    is_withdrawn
        It was withdrawn before it began; never in force.
    """

    kind: str
    value: float | None = None
    unit: str = ""
    signs: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    daily_from: str = ""
    daily_until: str = ""
    weekdays: str = ""
    vehicle_group: str = ""
    direction: str = ""
    lane: str = ""
    section: str = ""
    station_m: float | None = None
    links: tuple[str, ...] = ()
    remark: str = ""
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Recalculation:
    """A recalculation (NachrechnungsInfo) with its seven compensation measures.

    ``stage`` is the Nachweisstufe 1 to 4. None of a measure means that the source does not say.
    """

    proof_class: str = ""
    stage: int | None = None
    limited_use: str = ""
    done_on: date | None = None
    year: int | None = None
    distance_rule: bool | None = None
    speed_limit: bool | None = None
    shorter_cycle: bool | None = None
    weight_limit: bool | None = None
    monitoring: bool | None = None
    lane_guidance: bool | None = None
    overtaking_ban: bool | None = None
    other_measures: str = ""

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the compensation measures that are ordered."""
        return tuple(name for name in COMPENSATIONS if getattr(self, name))


@dataclass(frozen=True, slots=True)
class TrafficFigure:
    """Vehicles per 24 hours in a year (DTV)."""

    year: int
    vehicles_per_day: float
    vehicle_kind: str = ""
    day_group: str = ""
    is_estimate: bool | None = None


@dataclass(frozen=True, slots=True)
class MonitoringTask:
    """A question that sensors answer, with who answers for it.

    ``kind`` is a key of the table ``task_kind``, ``acceptance`` the values that are accepted.
    """

    question: str
    kind: str = ""
    planned_end: date | None = None
    acceptance: str = ""
    responsible_role: str = ""
    datastreams: tuple[str, ...] = ()


def in_force(restriction: Restriction, day: date) -> bool:
    """Whether a restriction holds on a day.

    Examples
    --------
    >>> in_force(Restriction("5", 15.0, "t", valid_until=date(2025, 12, 31)), date(2026, 1, 1))
    False
    """
    if restriction.is_withdrawn:
        return False
    begins = restriction.valid_from is None or restriction.valid_from <= day
    return begins and (restriction.valid_until is None or day <= restriction.valid_until)


def streams_without_task(tasks: Iterable[MonitoringTask], uids: Iterable[str]) -> Sequence[str]:
    """Datastreams that no monitoring task asks for, in their order.

    Examples
    --------
    >>> streams_without_task([MonitoringTask("Does it widen?", datastreams=("c1",))], ["c1", "c2"])
    ('c2',)
    """
    asked = {uid for task in tasks for uid in task.datastreams}
    return tuple(uid for uid in uids if uid not in asked)
