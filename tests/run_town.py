"""The town of `measures_case` as a city with a stored run, for maps of results."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from measures_case import CLOSED, Solved, solved, town_base
from shapely.geometry import LineString
from town import RunningClock, Town

from twin.model.assets import Asset, Component
from twin.model.city import City
from twin.model.packing import pack_columns
from twin.model.provenance import Provenance, Reference
from twin.model.scenarios import Result, Run

ORIGIN = (13.70, 51.05)
METRE = (1 / 70_000, 1 / 111_320)
"""Degrees of longitude and latitude of a metre near Dresden, as exact as a picture needs."""
SOURCED = Provenance("sourced", by="test", references=("1",))


@dataclass(frozen=True)
class RunTown:
    """A town, its run, and what that found."""

    town: Town
    run: Run
    solved: Solved


def place(x_m: float, y_m: float) -> tuple[float, float]:
    """Longitude and latitude of a place of the network."""
    return ORIGIN[0] + x_m * METRE[0], ORIGIN[1] + y_m * METRE[1]


def lines() -> Mapping[str, LineString]:
    """Sections of the network by name, in their direction ab; parallel ones lie apart."""
    network = town_base().network
    x, y = (
        dict(zip(network.node_id, values, strict=True)) for values in (network.x_m, network.y_m)
    )
    apart = {"S1": 0.0, "S2": 250.0, "S3": -250.0}
    found: dict[str, LineString] = {}
    for name, tail, head in zip(network.link_name, network.tail, network.head, strict=True):
        section, _, direction = name.partition("/")
        if direction == "ab":
            dy = apart.get(section, 0.0)
            middle = ((x[tail] + x[head]) / 2, (y[tail] + y[head]) / 2 + dy)
            ends = [place(x[tail], y[tail]), place(*middle), place(x[head], y[head])]
            found[section] = LineString(ends)
    return found


def city() -> City:
    """Sections with both directions, and a short bridge in the middle of three of them."""
    sections = lines()
    assets = [
        Asset(key, "road_section", f"Road {key}", line, SOURCED) for key, line in sections.items()
    ]
    for number in (1, 2, 3):
        middle = sections[f"S{number}"].coords[1]
        ends = [(middle[0] - 30 * METRE[0], middle[1]), (middle[0] + 30 * METRE[0], middle[1])]
        assets.append(Asset(f"B{number}", "bridge", f"Bridge {number}", LineString(ends), SOURCED))
    components = [
        Component(f"{key}/{way}", key, f"direction {way}", "direction")
        for key in sections
        for way in ("ab", "ba")
    ]
    return City(
        name="Musterstadt",
        references=(Reference("1", "Test", "CC0"),),
        assets=tuple(assets),
        components=tuple(components),
        sensors=(),
        datastreams=(),
    )


@cache
def answer() -> Solved:
    """The closure of the short way, solved once for a test run."""
    return solved(CLOSED)


def run_town(*, is_joint: bool = True) -> RunTown:
    """The town with a finished run; without the joint analysis it is a plain question."""
    found = answer()
    made = Town(city(), RunningClock())
    store, now = made.store, made.twin.now()
    run = store.runs.submit(
        CLOSED, engine="measures", version="1", seed=1, at=now, base=town_base().content_hash()
    )
    assert store.runs.claim(engines=["measures"], expired_before=now, at=now) is not None
    parts = {
        "links": pack_columns(found.links),
        "bridges": pack_columns(found.bridges),
        "report": _json({**found.report.document, "engine": ["path_equilibrium", "1"]}),
    }
    if is_joint:
        parts["measures"] = _json(found.document)
    result = Result(run.id, {}, {}, (), Provenance("simulated", by="test"))
    assert store.runs.finish(run.id, result, at=now, parts=parts)
    return RunTown(made, made.twin.run(run.id), found)


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
