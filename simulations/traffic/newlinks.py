"""Links that a scenario builds."""

import math
import re
from collections.abc import Mapping

import numpy as np

from simulations.traffic.arrays import FloatArray
from simulations.traffic.drafts import Draft
from simulations.traffic.turns import EVERY_CLASS
from twin.model.interventions import Intervention, suggestion
from twin.model.network import CostFunction, LinkProvenance
from twin.model.tables import rows as table

_KMH = 3.6  # 1 m/s in km/h
_NEAR_M = 50.0
"""A course may end this far from its node without a word: half the width of a large junction."""
_FAR_M = 1000.0
"""Beyond this the coordinates are wrong, not inexact."""
_COURSE = re.compile(r"\s*LINESTRING\s*\(([^()]*)\)\s*", re.IGNORECASE)


def course_points(text: str) -> FloatArray | None:
    """Corners of a WKT LINESTRING, (points, 2) [m]; None if the text is none.

    Examples
    --------
    >>> course_points("LINESTRING (0 0, 30 40)").tolist()
    [[0.0, 0.0], [30.0, 40.0]]
    """
    match = _COURSE.fullmatch(text)
    if match is None:
        return None
    try:
        points = [[float(number) for number in pair.split()] for pair in match[1].split(",")]
    except ValueError:
        return None
    if len(points) < 2 or any(len(point) != 2 for point in points):  # noqa: PLR2004 - x and y
        return None
    array = np.array(points)
    return array if np.isfinite(array).all() else None


def build_link(draft: Draft, item: Intervention) -> list[str]:
    """Add a link, or two for both ways, to a draft; the problems if it cannot be built."""
    from_node, problems = draft.places.node(item.text("from_node"))
    to_node, more = draft.places.node(item.text("to_node"))
    problems += more
    _, more = draft.named_classes(item.names("classes"))
    problems += more
    road_class, more = _road_class(item.text("road_class"))
    problems += more
    names = [item.text("name")]
    if item.text("course", "one_way") == "both_ways":
        names.append(f"{names[0]}/back")
    problems += [
        f"{name[:100]!r} is taken by another link or asset; choose another name"
        for name in names
        if not draft.places.is_free(name)
    ]
    if from_node == to_node and not problems:
        problems.append("it begins and ends at the same node")
    length_m, more = _length_m(draft, item, from_node, to_node)
    problems += more
    if problems:
        return problems
    values = _values(item, road_class, length_m=length_m)
    if item.names("classes"):
        values["mask"] = int(draft.bits(item.names("classes")))
    code = LinkProvenance[item.text("provenance").upper()]
    for name, (tail, head) in zip(
        names, ((from_node, to_node), (to_node, from_node)), strict=False
    ):
        ends = {"link_id": _next_id(draft), "tail": tail, "head": head}
        draft.add_link(values | ends, name=name, code=code)
    draft.assumptions.append(
        f"new link {names[0]}: {length_m:.0f} m, curve of road class {item.text('road_class')!r}; "
        f"capacity and speed {code.name.lower()}: {item.text('source')}"
    )
    return []


def _next_id(draft: Draft) -> int:
    ids = draft.network.link_id
    return int(ids.max()) + 1 if ids.size else 1


def _road_class(key: str) -> tuple[Mapping[str, str], list[str]]:
    classes = {row["key"]: row for row in table("road_classes")}
    if key in classes:
        return classes[key], []
    return {}, [f"unknown road class {key[:100]!r}{suggestion(key, classes)}"]


def _values(
    item: Intervention, road_class: Mapping[str, str], *, length_m: float
) -> dict[str, float | int]:
    speed_kmh = item.number("speed_kmh")
    return {
        "length_m": length_m,
        "t0_s": _KMH * length_m / speed_kmh,
        "speed_kmh": speed_kmh,
        "lanes": int(item.number("lanes")),
        "capacity_pceh": item.number("capacity_pceh"),
        "cost_function": int(CostFunction[road_class["cost_function"]]),
        "p0": float(road_class["p0"]),
        "p1": float(road_class["p1"]),
        "p2": float(road_class["p2"]),
        "mask": int(EVERY_CLASS),
        "max_weight_t": item.number("mass_limit_t", math.inf),
        "max_axle_t": math.inf,
        "max_height_m": math.inf,
        "preload_pceh": 0.0,
    }


def _length_m(
    draft: Draft, item: Intervention, from_node: int, to_node: int
) -> tuple[float, list[str]]:
    """Length of the course, which must lead from one node to the other."""
    network = draft.network
    points = course_points(item.text("geometry"))
    if points is None:
        return math.nan, ["geometry is no WKT LINESTRING such as 'LINESTRING (0 0, 30 40)'"]
    stated = item.number("length_m")
    if network.epsg == 0:
        if math.isnan(stated):
            return stated, ["length_m is missing: the network is a drawing without coordinates"]
        return stated, []
    if not math.isnan(stated):
        return stated, ["length_m is only for drawings; the length comes from the geometry"]
    problems = []
    for node, point, word in ((from_node, points[0], "begins"), (to_node, points[-1], "ends")):
        row = np.flatnonzero(network.node_id == node)
        if row.size == 0:
            continue
        away_m = math.hypot(*(point - (network.x_m[row[0]], network.y_m[row[0]])))
        where = f"the course {word} {away_m:,.0f} m from node {node}"
        if away_m > _FAR_M:
            problems.append(f"{where}; give coordinates in EPSG:{network.epsg}")
        elif away_m > _NEAR_M:
            draft.warnings.append(f"{item.text('name')}: {where}")
    length_m = float(np.hypot(*np.diff(points, axis=0).T).sum())
    if length_m == 0.0 and not problems:
        problems.append("the course has no length")
    return length_m, problems
