"""Road sections of the registry as rows of numbers, each with where it comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np

from twin.model.assets import Asset
from twin.model.network import LinkProvenance
from twin.model.provenance import ProvenanceKind
from twin.model.roads import ROAD_CLASSES, road_class
from twin.model.tables import rows

CODES: Mapping[ProvenanceKind, LinkProvenance] = MappingProxyType(
    {
        "measured": LinkProvenance.MEASURED,
        "sourced": LinkProvenance.SOURCED,
        "derived": LinkProvenance.DERIVED,
        "estimated": LinkProvenance.ESTIMATED,
        "simulated": LinkProvenance.ESTIMATED,
    }
)
# What the words of the attribute `traffic_status` mean for a section.
CLOSED = "closed"
CLOSED_TO_CARS = "closed to cars"
ONE_LANE = "one lane per direction"
STATUSES = ("", ONE_LANE, CLOSED_TO_CARS, CLOSED)


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute of a link with where it comes from."""

    value: float
    code: LinkProvenance


@dataclass(frozen=True, slots=True)
class Section:
    """A road section as one row; both directions share it."""

    asset: Asset
    tail: str
    head: str
    road_class: Mapping[str, str]
    length: Fact
    speed: Fact
    lanes: Fact
    capacity: Fact
    limit: Fact
    axle_limit: Fact
    height_limit: Fact
    is_one_way: bool
    status: str
    bridges: tuple[Asset, ...]


def read_sections(
    assets: Mapping[str, Asset], as_of: date, problems: list[str]
) -> Sequence[Section]:
    """Sections that are in order; what is wrong with the others is added to ``problems``."""
    found = [asset for asset in assets.values() if asset.asset_class == "road_section"]
    return [
        section
        for asset in found
        if (section := _section(asset, assets, as_of, problems)) is not None
    ]


def _section(
    asset: Asset, assets: Mapping[str, Asset], as_of: date, problems: list[str]
) -> Section | None:
    before = len(problems)
    for end in ("from_junction", "to_junction"):
        check_junction(asset, end, assets, problems)
    row = _row_of_class(asset, problems)
    names = text_of(asset, "bridge").replace(";", " ").split()
    problems.extend(
        f"{asset.id}: bridge {name!r} is not in the registry; correct the id"
        for name in names
        if name not in assets
    )
    if len(problems) > before or row is None:
        return None
    bridges = tuple(assets[name] for name in names)
    lanes = fact_of(asset, "lanes_per_direction", default=float(row["lanes"]))
    speed = fact_of(asset, "max_speed_km_h", default=float(row["speed_kmh"]))
    of_lanes = lanes.value * float(row["capacity_pceh_lane"])
    length = fact_of(asset, "length_estimate_m", "length_m", default=float("nan"))
    for fact, word in ((lanes, "lanes"), (speed, "speed"), (length, "length")):
        if not fact.value > 0:
            problems.append(f"{asset.id}: {word} {fact.value:g} is not positive; correct it")
    return Section(
        asset=asset,
        tail=text_of(asset, "from_junction"),
        head=text_of(asset, "to_junction"),
        road_class=row,
        length=length,
        speed=speed,
        lanes=lanes,
        capacity=fact_of(asset, "capacity_veh_h", default=of_lanes),
        limit=_strictest((asset, *bridges), "max_mass_t"),
        axle_limit=_strictest((asset, *bridges), "max_axle_load_t"),
        height_limit=_strictest((asset,), "max_height_m"),
        is_one_way=text_of(asset, "oneway") == "yes",
        status=_status((asset, *bridges), as_of, problems),
        bridges=bridges,
    )


def _row_of_class(asset: Asset, problems: list[str]) -> Mapping[str, str] | None:
    table = {row["key"]: row for row in rows("road_classes")}
    found = table.get(road_class(asset))
    if found is None:
        name = text_of(asset, "road_class")
        problems.append(
            f"{asset.id}: road class {name!r} is unknown; use one of "
            f"{', '.join(sorted({*table, *ROAD_CLASSES}))}"
        )
    return found


def _strictest(assets: Iterable[Asset], attribute: str) -> Fact:
    limits = [fact_of(asset, attribute, default=np.inf) for asset in assets]
    return min(limits, key=lambda fact: fact.value)


def _status(assets: Iterable[Asset], as_of: date, problems: list[str]) -> str:
    """Strictest status in force on the day; a year or month begins with its first day."""
    found = [""]
    for asset in assets:
        status, since = text_of(asset, "traffic_status"), text_of(asset, "traffic_status_since")
        if status not in STATUSES:
            problems.append(
                f"{asset.id}: traffic_status {status!r} is unknown; use one of "
                f"{', '.join(STATUSES[1:])}"
            )
        elif since <= as_of.isoformat():
            found.append(status)
    return max(found, key=lambda status: STATUSES.index(status) if status in STATUSES else 0)


def fact_of(asset: Asset, *names: str, default: float) -> Fact:
    """First attribute that is given, or the default."""
    for name in names:
        found = asset.attribute(name)
        if found is not None and isinstance(found.value, float):
            return Fact(found.value, CODES[found.provenance.kind])
    return Fact(default, LinkProvenance.DEFAULT)


def check_junction(
    asset: Asset, attribute: str, assets: Mapping[str, Asset], problems: list[str]
) -> None:
    """Add a problem if an attribute of an asset does not name a junction."""
    name = text_of(asset, attribute)
    found = assets.get(name)
    if found is None or found.asset_class != "junction":
        problems.append(
            f"{asset.id}: {attribute} {name!r} is no junction; give the id of one in attributes.csv"
        )


def number_of(asset: Asset, name: str) -> float | None:
    """Value of an attribute that holds a number, or None."""
    found = asset.attribute(name)
    return found.value if found is not None and isinstance(found.value, float) else None


def text_of(asset: Asset, name: str) -> str:
    """Value of an attribute as text, empty without it."""
    found = asset.attribute(name)
    return str(found.value) if found is not None else ""
