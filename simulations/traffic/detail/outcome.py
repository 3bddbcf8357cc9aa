"""What SUMO wrote, as arrays: text in, numbers out."""

import json
from collections import Counter
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail.departures import SECONDS_PER_HOUR, Departures
from simulations.traffic.detail.subarea import SubTrips
from simulations.traffic.detail.sumo import KMH_PER_M_S
from twin.errors import DetailError
from twin.model.detail import SeedRun


@dataclass(frozen=True, slots=True)
class Outputs:
    """Text of the files that one simulation wrote."""

    means: str
    trips: str
    statistics: str
    queues: str


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One seed, per link of the area: columns as in ``DetailResult``."""

    flow_vehh: NDArray[np.float64]
    speed_kmh: NDArray[np.float64]
    time_loss_s: NDArray[np.float64]
    queue_veh: NDArray[np.float64]
    longest_queue_veh: NDArray[np.float64]


def measured(outputs: Outputs, area: NDArray[np.int64], *, period_s: float) -> Measured:
    """Means of every link of the area over the period.

    Raises
    ------
    DetailError
        If the text is not what SUMO writes.
    """
    rows = {str(link): row for row, link in enumerate(area.tolist())}
    entered, speed, loss = (np.zeros(len(area)), np.full(len(area), np.nan), np.zeros(len(area)))
    for edge in _root(outputs.means, "means of edges").iter("edge"):
        row = rows.get(edge.get("id", ""))
        if row is None:
            continue
        entered[row] = float(edge.get("entered", 0)) + float(edge.get("departed", 0))
        speed[row] = float(edge.get("speed", "nan")) * KMH_PER_M_S
        loss[row] = float(edge.get("timeLoss", 0))
    queues = json.loads(outputs.queues)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss_s = np.where(entered > 0, loss / entered, np.nan)
    return Measured(
        flow_vehh=entered * (SECONDS_PER_HOUR / period_s),
        speed_kmh=speed,
        time_loss_s=loss_s,
        queue_veh=np.array(queues["mean"], dtype=np.float64),
        longest_queue_veh=np.array(queues["longest"], dtype=np.float64),
    )


def totals(
    outputs: Outputs,
    trips: SubTrips,
    departures: Departures,
    *,
    seed: int,
    unable_to_start: int,
    seconds: float,
) -> SeedRun:
    """Where every planned vehicle ended, and the mean losses.

    Raises
    ------
    DetailError
        If the vehicles do not add up.
    """
    last = trips.links[trips.start[1:] - 1][departures.trip]
    ended: Counter[str] = Counter()
    losses, delays = [], []
    for trip in _root(outputs.trips, "trips").iter("tripinfo"):
        losses.append(float(trip.get("timeLoss", 0)))
        delays.append(float(trip.get("departDelay", 0)))
        ended[_ending(trip, str(last[int(trip.get("id", "0"))]))] += 1
    statistics = _root(outputs.statistics, "statistics")
    waiting = len(departures.trip) - sum(ended.values())
    vehicles = statistics.find("vehicles")
    if waiting < 0 or vehicles is None or int(vehicles.get("running", 0)) != ended["driving"]:
        raise DetailError(
            f"seed {seed}: SUMO's counts of vehicles contradict each other ({dict(ended)} of "
            f"{len(departures.trip)}); please report this with the input"
        )
    teleports = statistics.find("teleports")
    return SeedRun(
        seed=seed,
        vehicles=len(departures.trip) + unable_to_start,
        arrived=ended["arrived"],
        stranded=ended["stranded"] + unable_to_start,
        waiting=waiting,
        driving=ended["driving"],
        teleports=int(teleports.get("total", 0)) if teleports is not None else 0,
        time_loss_s=float(np.mean(losses)) if losses else float("nan"),
        depart_delay_s=float(np.mean(delays)) if delays else float("nan"),
        seconds=seconds,
    )


def _ending(trip: ET.Element, last: str) -> str:
    """Whether a vehicle arrived, was stranded, or is still driving (its arrival is negative)."""
    if float(trip.get("arrival", -1)) < 0:
        return "driving"
    at_last = trip.get("arrivalLane", "").rpartition("_")[0] == last
    return "arrived" if at_last and not trip.get("vaporized") else "stranded"


def _root(text: str, what: str) -> ET.Element:
    """Root of a document that our own child process wrote."""
    try:
        return ET.fromstring(text)  # noqa: S314 - from our own child process
    except ET.ParseError as error:
        raise DetailError(f"SUMO's file with the {what} cannot be read: {error}") from error
