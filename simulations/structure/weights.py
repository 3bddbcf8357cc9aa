"""Axles and gross weights of vehicle classes, and vehicles drawn from counts by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from twin.errors import ModelError
from twin.model.structure import AxleStream
from twin.model.tables import rows

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

GRAVITY_MS2 = 9.81
HOUR_S = 3600.0
SPEED_SPREAD = 0.08
"""Standard deviation of free speeds over their mean; own estimate."""
_TEMPLATES = "axle spacings, load shares and gross weights of vehicle_templates.csv"


@dataclass(frozen=True, slots=True)
class VehicleTemplate:
    """A kind of vehicle of a class: its axles, and how heavy it is.

    Parameters
    ----------
    key
        Row of ``vehicle_templates.csv``.
    mass_distribution_id
        Class of gross weights that it belongs to, as in ``vehicle_classes.csv``.
    share
        Share of the vehicles of that class [-].
    offset_m, load_share : (axles,)
        Distance behind the first axle [m], and share of the gross weight [-].
    mass_mean_t, mass_sd_t, mass_from_t, mass_to_t
        Normal distribution of the gross mass, cut off at both ends [t].
    """

    key: str
    mass_distribution_id: str
    share: float
    offset_m: Floats
    load_share: Floats
    mass_mean_t: float
    mass_sd_t: float
    mass_from_t: float
    mass_to_t: float
    source: str
    is_verified: bool

    def mass_t(self, probability: Floats) -> Floats:
        """Gross mass that the share ``probability`` of the vehicles is below, same shape [t]."""
        low = (self.mass_from_t - self.mass_mean_t) / self.mass_sd_t
        high = (self.mass_to_t - self.mass_mean_t) / self.mass_sd_t
        return truncnorm.ppf(probability, low, high, loc=self.mass_mean_t, scale=self.mass_sd_t)


@cache
def vehicle_templates() -> tuple[VehicleTemplate, ...]:
    """All rows of ``vehicle_templates.csv``; of each class the shares sum to 1."""
    return tuple(_template(row) for row in rows("vehicle_templates"))


def _template(row: Mapping[str, str]) -> VehicleTemplate:
    spacings = [float(text) for text in row["spacings_m"].split("|")]
    shares = np.array([float(text) for text in row["load_shares"].split("|")])
    return VehicleTemplate(
        key=row["key"],
        mass_distribution_id=row["mass_distribution_id"],
        share=float(row["share"]),
        offset_m=np.concatenate(([0.0], np.cumsum(spacings))),
        load_share=shares / shares.sum(),
        mass_mean_t=float(row["mass_mean_t"]),
        mass_sd_t=float(row["mass_sd_t"]),
        mass_from_t=float(row["mass_from_t"]),
        mass_to_t=float(row["mass_to_t"]),
        source=row["source"],
        is_verified=row["verified"] == "yes",
    )


def templates_of(mass_distribution_id: str) -> tuple[VehicleTemplate, ...]:
    """Templates of one distribution of gross weights.

    Raises
    ------
    ModelError
        If there is none.
    """
    found = [one for one in vehicle_templates() if one.mass_distribution_id == mass_distribution_id]
    if not found:
        known = sorted({one.mass_distribution_id for one in vehicle_templates()})
        raise ModelError(f"no gross weights of {mass_distribution_id!r}; known: {', '.join(known)}")
    return tuple(found)


def weight_assumptions(templates: Sequence[VehicleTemplate]) -> tuple[str, ...]:
    """What every figure from these templates must say."""
    said = [f"{_TEMPLATES}; axles share the gross weight alike at any loading"]
    open_rows = [one.key for one in templates if not one.is_verified]
    if open_rows:
        said.append(f"not verified: {', '.join(open_rows)}")
    return tuple(said)


@dataclass(frozen=True, slots=True)
class SampledTraffic:
    """Vehicles drawn from counts: the stream, and the template of each vehicle.

    ``template`` are rows of ``templates``, shape (vehicles,).
    """

    stream: AxleStream
    template: Longs
    templates: tuple[VehicleTemplate, ...]
    assumptions: tuple[str, ...]


def sample_traffic(
    flow_vehh: Mapping[str, Sequence[float] | Floats],
    *,
    speed_ms: float,
    lane_shares: Sequence[float],
    seed: int,
    start_s: float = 0.0,
) -> SampledTraffic:
    """Vehicles of one direction from hourly flows by class, the same for the same seed.

    Vehicles come at random within each hour (Poisson); lanes, speeds, templates and gross weights
    are independent of each other.

    Parameters
    ----------
    flow_vehh
        Class of gross weights to vehicles in each hour [veh/h]; as many hours for each class.
    speed_ms
        Mean speed, negative against the stationing [m/s].
    lane_shares
        Shares of lanes 1, 2 ... [-]; they sum to 1.
    seed
        Of the random generator.
    start_s
        Time at which the first hour begins [s].

    Raises
    ------
    ModelError
        If flows are negative or of different length, or shares do not sum to 1; all at once.

    Examples
    --------
    >>> found = sample_traffic({"hgv_26_40": [100.0]}, speed_ms=22.0, lane_shares=[1.0], seed=1)
    >>> bool(found.stream.gross_kn.min() >= 26 * 9.81)
    True
    """
    _check_flows(flow_vehh, speed_ms=speed_ms, lane_shares=lane_shares)
    random = np.random.default_rng(seed)
    templates = tuple(one for name in flow_vehh for one in templates_of(name))
    names = tuple(flow_vehh)
    times, kinds = [], []
    for name in names:
        rows_of = [row for row, one in enumerate(templates) if one.mass_distribution_id == name]
        shares = np.array([templates[row].share for row in rows_of])
        for hour, flow in enumerate(np.asarray(flow_vehh[name], dtype=np.float64)):
            count = random.poisson(flow)
            times.append(start_s + HOUR_S * (hour + random.random(count)))
            kinds.append(random.choice(rows_of, size=count, p=shares / shares.sum()))
    time_s, kind = np.concatenate(times), np.concatenate(kinds).astype(np.int64)
    order = np.argsort(time_s, kind="stable")
    time_s, kind = time_s[order], kind[order]
    speed = speed_ms * np.clip(random.normal(1.0, SPEED_SPREAD, len(time_s)), 0.7, 1.3)
    lane = 1 + random.choice(len(lane_shares), size=len(time_s), p=np.asarray(lane_shares))
    mass = np.empty(len(time_s))
    for row, template in enumerate(templates):
        mine = kind == row
        mass[mine] = template.mass_t(random.random(int(mine.sum())))
    stream = stream_of(
        templates, kind, time_s=time_s, lane=lane, speed_ms=speed, gross_kn=GRAVITY_MS2 * mass
    )
    said = (
        *weight_assumptions(templates),
        f"drawn with seed {seed}: Poisson arrivals, speeds with a spread of {SPEED_SPREAD:.0%}",
        f"weights from masses with g = {GRAVITY_MS2} m/s2",
    )
    return SampledTraffic(stream, kind, templates, said)


def stream_of(
    templates: Sequence[VehicleTemplate], kind: Longs, *,
    time_s: Floats, lane: NDArray[np.int64], speed_ms: Floats, gross_kn: Floats,
) -> AxleStream:  # fmt: skip
    """Vehicles of given templates and weights as an `AxleStream`; ``kind`` are template rows."""
    names = tuple(dict.fromkeys(one.mass_distribution_id for one in templates))
    class_of = np.array([names.index(one.mass_distribution_id) for one in templates])
    sizes = np.array([len(one.offset_m) for one in templates])
    starts = np.concatenate(([0], np.cumsum(sizes)))[:-1]
    first = np.concatenate(([0], np.cumsum(sizes[kind])))
    source = np.repeat(starts[kind] - first[:-1], sizes[kind]) + np.arange(first[-1])
    offsets = np.concatenate([one.offset_m for one in templates])
    shares = np.concatenate([one.load_share for one in templates])
    return AxleStream(
        time_s=time_s,
        lane=lane.astype(np.int32),
        speed_ms=speed_ms,
        vehicle_class=class_of[kind].astype(np.int32),
        first_axle=first.astype(np.int32),
        axle_offset_m=offsets[source],
        axle_load_kn=shares[source] * np.repeat(gross_kn, sizes[kind]),
        classes=names,
    )


def _check_flows(
    flow_vehh: Mapping[str, Sequence[float] | Floats],
    *,
    speed_ms: float,
    lane_shares: Sequence[float],
) -> None:
    problems = []
    if not flow_vehh:
        problems.append("no class has a flow")
    if len({len(flow) for flow in flow_vehh.values()}) > 1:
        problems.append("the classes have flows of different numbers of hours")
    for name, flow in flow_vehh.items():
        column = np.asarray(flow, dtype=np.float64)
        if not np.all(np.isfinite(column) & (column >= 0.0)):
            problems.append(f"the flow of {name} holds something else than numbers from 0 on")
    if not np.isfinite(speed_ms) or speed_ms == 0.0:
        problems.append(f"the speed is {speed_ms!r} m/s; vehicles that stand never cross")
    shares = np.asarray(lane_shares, dtype=np.float64)
    if not (len(shares) and np.all(shares >= 0.0) and abs(shares.sum() - 1.0) < 1e-9):  # noqa: PLR2004
        problems.append(f"the shares of the lanes must sum to 1, got {list(lane_shares)}")
    if problems:
        raise ModelError("; ".join(problems))
