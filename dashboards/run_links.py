"""What a run says of its links on both sides, beside the noise, in the row order of the map.

Everything here comes from the columns that a run keeps (parts ``links`` and ``bridges``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dashboards.live.quantise import Bytes, Scale, difference, quantise
from twin.errors import ModelError
from twin.model.packing import unpack_columns
from twin.model.scenarios import Scenario
from twin.model.tables import rows

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

BASE, SCENARIO, CHANGE = "base", "scenario", "change"
SIDES = (BASE, SCENARIO, CHANGE)
CLOSING = frozenset({"close_link", "close_direction", "close_asset"})
HEAVY_FROM_T = 3.5
"""Heavy vehicles weigh more than this, buses included: "Schwerverkehr" of the StVO."""
COMMON_SHARE, COMMON_CHANGE = 0.98, 0.9
"""Share of the values, and of the changes, in a range; the rest has the colour of its end."""
NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of links: its unit, its decimals and the smallest range that is drawn."""

    key: str
    unit: str
    decimals: int
    least: float
    least_change: float
    share: float = COMMON_SHARE
    """Of the links in use, the share that the range of both sides holds."""


QUANTITIES = {
    item.key: item
    for item in (
        Quantity("flow", "/h", 0, 100.0, 20.0),
        Quantity("heavy", "/h", 0, 20.0, 5.0, share=0.85),
        Quantity("time", "1", 2, 1.5, 0.1),
        Quantity("saturation", "%", 0, 100.0, 5.0),
    )
}
"""Quantities by key; ``time`` is the ratio to the time on the empty link."""


@dataclass(frozen=True, slots=True, eq=False)
class Sided:
    """One quantity of every link.

    Parameters
    ----------
    base, scenario, floor : (links,)
        Both sides and the noise of their difference; NaN where there is none.
    is_changed : (links,)
        The difference is above the noise.
    """

    base: Float64
    scenario: Float64
    floor: Float64
    is_changed: Bools

    @property
    def change(self) -> Float64:
        """(links,) Scenario minus base, noise included."""
        return self.scenario - self.base


@dataclass(frozen=True, slots=True, eq=False)
class RunLinks:
    """Links of a run.

    Parameters
    ----------
    names : tuple[str, ...]
        Registry name of each link, or its number.
    time_s : (2, links)
        Travel time in the base and in the scenario [s].
    is_closed : (links,)
        Closed by the scenario.
    is_unique : (links,)
        False where other flows solve the same question, too.
    classes : Mapping[str, Sided]
        Flows by class [1/h].
    quantities : Mapping[str, Sided]
        By the keys of `QUANTITIES`.
    """

    names: tuple[str, ...]
    time_s: Float64
    is_closed: Bools
    is_unique: Bools
    classes: Mapping[str, Sided]
    quantities: Mapping[str, Sided]

    def magnitude(self, key: str) -> Scale:
        """Range of both sides of a quantity, from zero (from 1 for the time ratio)."""
        sided, item = self.quantities[key], QUANTITIES[key]
        least = 1.0 if key == "time" else 0.0
        both = np.concatenate([sided.base, sided.scenario])
        found = _common(both[both > 0.0], item.share)
        return Scale("magnitude", least, max(nice(found), item.least))

    def change_scale(self, key: str) -> Scale:
        """Range of the changes that are above the noise; zero is exactly byte 127."""
        sided, item = self.quantities[key], QUANTITIES[key]
        common = _common(np.abs(sided.change[drawn(sided)]), COMMON_CHANGE)
        return difference(max(nice(common), item.least_change))

    def codes(self, key: str, side: str) -> Bytes:
        """(links,) Byte of each link on one side, or of its change; 255 below the noise."""
        sided = self.quantities[key]
        if side == CHANGE:
            return quantise(sided.change, self.change_scale(key), absent=~drawn(sided))
        values = sided.base if side == BASE else sided.scenario
        return quantise(values, self.magnitude(key))

    def rows_of(self, ids: Sequence[str]) -> Int64:
        """(ids,) Link of each row of the map, -1 where the network has none."""
        known = {name: row for row, name in enumerate(self.names)}
        return np.array([known.get(name, -1) for name in ids], dtype=np.int64)


def drawn(sided: Sided) -> Bools:
    """(links,) Where a change is above its noise, and known on both sides."""
    return sided.is_changed & np.isfinite(sided.change) & (sided.change != 0.0)


def taken(values: NDArray[np.generic], links: Int64, *, absent: float) -> NDArray[np.generic]:
    """Values in the rows of the map; ``absent`` where a row is no link of the run."""
    found = np.full(links.size, absent, dtype=values.dtype)
    found[links >= 0] = values[links[links >= 0]]
    return found


def nice(value: float) -> float:
    """Smallest round number that is not below a value; 0 for nothing.

    Examples
    --------
    >>> nice(412.0), nice(0.07), nice(0.0)
    (500.0, 0.075, 0.0)
    """
    if not np.isfinite(value) or value <= 0.0:
        return 0.0
    decade = 10.0 ** np.floor(np.log10(value))
    step = next((item for item in NICE if item * decade >= value * (1 - 1e-9)), NICE[-1])
    return float(f"{step * decade:.6g}")


def links_of(content: bytes, bridges: bytes | None, scenario: Scenario) -> RunLinks:
    """Links of a run from its parts.

    Raises
    ------
    ModelError
        If the parts were made by another version; says which column is missing.
    """
    closing = [
        item.targets
        for item in scenario.interventions
        if item.kind in CLOSING and item.is_valid(scenario.at)
    ]
    return _links_of(content, bridges, tuple(target for targets in closing for target in targets))


@lru_cache(maxsize=8)
def _links_of(content: bytes, bridges: bytes | None, closing: tuple[str, ...]) -> RunLinks:
    columns = unpack_columns(content)
    needed = {"link_id", "base_vehh", "scenario_vehh", "floor_vehh", "is_significant"}
    if missing := sorted(needed - set(columns)):
        raise ModelError(f"the links of this run have no {', '.join(missing)}; run it again")
    numbers = [str(link) for link in columns["link_id"].tolist()]
    given = columns.get("link_name")
    names = numbers if given is None else [str(name) for name in given.tolist()]
    names = [name or number for name, number in zip(names, numbers, strict=False)]
    flow = Sided(
        _numbers(columns, "base_vehh"),
        _numbers(columns, "scenario_vehh"),
        _numbers(columns, "floor_vehh"),
        columns["is_significant"].astype(np.bool_),
    )
    classes = _classes(columns)
    carried = {} if bridges is None else _carried(unpack_columns(bridges))
    is_unique = columns.get("is_unique", np.ones(len(names), np.bool_))
    return RunLinks(
        names=tuple(names),
        time_s=np.stack([_numbers(columns, "base_time_s"), _numbers(columns, "scenario_time_s")]),
        is_closed=_closed(closing, names, numbers, carried, flow),
        is_unique=is_unique.astype(np.bool_),
        classes=classes,
        quantities={
            "flow": flow,
            "heavy": _heavy(classes, flow),
            "time": _following(columns, "travel_time_index", 1.0, flow),
            "saturation": _following(columns, "saturation", 100.0, flow),
        },
    )


def _numbers(columns: Mapping[str, NDArray[np.generic]], name: str) -> Float64:
    size = columns["link_id"].size
    found = columns.get(name)
    return np.full(size, np.nan) if found is None else found.astype(np.float64)


def _classes(columns: Mapping[str, NDArray[np.generic]]) -> dict[str, Sided]:
    names = [name.partition(".")[2] for name in columns if name.startswith("base_vehh.")]
    found: dict[str, Sided] = {}
    for name in names:
        base, scenario, floor = (
            _numbers(columns, f"{part}_vehh.{name}") for part in (BASE, SCENARIO, "floor")
        )
        found[name] = Sided(base, scenario, floor, np.abs(scenario - base) > floor)
    return found


def _heavy(classes: Mapping[str, Sided], flow: Sided) -> Sided:
    """Sum of the heavy classes; its noise is the root of the mean, or that of a class if larger."""
    masses = {row["key"]: float(row["mass_to_t"]) for row in rows("vehicle_classes")}
    heavy = [sided for name, sided in classes.items() if masses.get(name, 0.0) > HEAVY_FROM_T]
    if not heavy:
        nothing = np.full(flow.base.size, np.nan)
        return Sided(nothing, nothing, nothing, np.zeros(flow.base.size, np.bool_))
    base = np.sum([sided.base for sided in heavy], axis=0)
    scenario = np.sum([sided.scenario for sided in heavy], axis=0)
    own = np.sqrt(np.maximum((base + scenario) / 2.0, 0.0))
    floor = np.maximum(own, np.max([sided.floor for sided in heavy], axis=0))
    return Sided(base, scenario, floor, np.abs(scenario - base) > floor)


def _following(
    columns: Mapping[str, NDArray[np.generic]], name: str, factor: float, flow: Sided
) -> Sided:
    """A quantity that follows from the flow: it changed where the flow did."""
    base = factor * _numbers(columns, f"base_{name}")
    scenario = factor * _numbers(columns, f"scenario_{name}")
    return Sided(base, scenario, np.full(base.size, np.nan), flow.is_changed)


def _carried(columns: Mapping[str, NDArray[np.generic]]) -> dict[str, set[str]]:
    """Numbers of the links that each bridge carries."""
    found: dict[str, set[str]] = {}
    for asset, link in zip(columns["asset"].tolist(), columns["link_id"].tolist(), strict=True):
        found.setdefault(str(asset), set()).add(str(link))
    return found


def _closed(
    closing: Sequence[str],
    names: Sequence[str],
    numbers: Sequence[str],
    carried: Mapping[str, set[str]],
    flow: Sided,
) -> Bools:
    """Links that a closure names, by name, section or bridge, and that carry nothing any more."""
    wanted = {target.partition(":")[2] or target for target in closing}
    on_bridges = {link for asset in wanted for link in carried.get(asset, ())}
    named = [
        name in wanted or number in wanted | on_bridges or name.rpartition("/")[0] in wanted
        for name, number in zip(names, numbers, strict=True)
    ]
    return np.array(named, dtype=np.bool_) & ~(flow.scenario > 0.0)


def _common(values: Float64, share: float = COMMON_SHARE) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if finite.size else 0.0
