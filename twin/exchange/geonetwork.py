"""Lines of a map file become junctions and road sections: split, joined at their ends, checked.

Pure: frames in, frames out. Lines stay as they were drawn; only their ends are known to meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from shapely.ops import substring

from twin.exchange.geovalues import Findings

LINES = ("LineString", "MultiLineString", "LinearRing")
WIDEST_CLUSTER = 2.0
"""A knot of ends that is wider than this times the tolerance came about by a chain."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Lines without branches.

    Parameters
    ----------
    shape : (pieces,)
        LineStrings in metres.
    row : (pieces,)
        Row of the file that each comes from.
    name : (pieces,)
        Id of each.
    """

    shape: NDArray[np.object_]
    row: NDArray[np.intp]
    name: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Pieces with the junctions at their ends.

    Parameters
    ----------
    pieces
    tail, head : (pieces,)
        Number of the junction at the first and the last point.
    places : (junctions, 2)
        Mean of the ends that meet there [m].
    loose : (loose,)
        Junctions where only one line ends.
    """

    pieces: Pieces
    tail: NDArray[np.intp]
    head: NDArray[np.intp]
    places: NDArray[np.float64]
    loose: NDArray[np.intp]

    @property
    def length_m(self) -> NDArray[np.float64]:
        """Length of every piece as drawn (pieces,) [m]."""
        return lengths_of(self.pieces.shape)


def split(frame: geopandas.GeoDataFrame, names: Sequence[str], findings: Findings) -> Pieces:
    """Single lines of a metric frame; multi-part lines are split, what is no line is listed.

    Raises nothing: rows without a usable line are findings (F-GIS-2, F-ESR-3).
    """
    shapes = np.asarray(shapely.force_2d(frame.geometry.to_numpy()), dtype=object)
    kinds = [str(kind) for kind in frame.geometry.geom_type.tolist()]
    is_empty = np.array([shape is None or shape.is_empty for shape in shapes], dtype=bool)
    is_line = np.array([kind in LINES for kind in kinds], dtype=bool) & ~is_empty
    findings.each(names, np.flatnonzero(is_empty), "no geometry; left out")
    for row in np.flatnonzero(~is_empty & ~is_line).tolist():
        findings.add(names[row], f"is a {kinds[row]}, not a line; left out")
    rows = np.flatnonzero(is_line)
    found = shapely.get_parts(shapes[rows].tolist(), return_index=True)
    parts, source = np.asarray(found[0], dtype=object), rows[np.asarray(found[1], dtype=np.intp)]
    lengths = lengths_of(parts)
    is_sound = np.isfinite(lengths) & (lengths > 0)
    for place in np.flatnonzero(~is_sound).tolist():
        what = "zero-length line" if lengths[place] == 0 else "a coordinate is not finite"
        findings.add(names[source[place]], f"{what}; left out")
    parts, source = parts[is_sound], source[is_sound]
    return Pieces(parts, source, _numbered(source, names))


def _numbered(source: NDArray[np.intp], names: Sequence[str]) -> tuple[str, ...]:
    """Id of the row; with the number of the part where a row has several."""
    count = np.bincount(source, minlength=len(names))
    seen: dict[int, int] = {}
    found = []
    for row in source.tolist():
        seen[row] = seen.get(row, 0) + 1
        found.append(names[row] if count[row] == 1 else f"{names[row]}-{seen[row]}")
    return tuple(found)


def join(pieces: Pieces, *, snap_m: float, findings: Findings) -> Joined:
    """Ends within the tolerance become one junction; loose ends are listed (F-GIS-2).

    A loop is cut at its middle, so that its two halves lead from one junction to another.
    """
    pieces = _without_loops(pieces, snap_m, findings)
    ends = _ends(pieces.shape)
    label, count = _clusters(ends, snap_m)
    weight = np.bincount(label, minlength=count)
    places = np.column_stack(
        [np.bincount(label, weights=ends[:, axis], minlength=count) / weight for axis in (0, 1)]
    ).reshape(-1, 2)
    off = np.hypot(*(ends - places[label]).T)
    widest = np.zeros(count)
    np.maximum.at(widest, label, off)
    for knot in np.flatnonzero(2 * widest > WIDEST_CLUSTER * max(snap_m, 1e-9)).tolist():
        x, y = places[knot]
        findings.add(
            f"({x:.1f}, {y:.1f})",
            f"{weight[knot]} ends form a chain of {2 * widest[knot]:.1f} m; lower snap_m",
        )
    half = len(pieces.shape)
    return Joined(pieces, label[:half], label[half:], places, np.flatnonzero(weight == 1))


def _ends(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """First points, then last points (2 pieces, 2)."""
    lines = shapes.tolist()
    points = [shape.coords[place] for place in (0, -1) for shape in lines]
    return np.array(points, dtype=float).reshape(-1, 2)


def lengths_of(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Lengths of lines (lines,) in the unit of their system."""
    return np.asarray(shapely.length(shapes.tolist()), dtype=float)


def _clusters(points: NDArray[np.float64], snap_m: float) -> tuple[NDArray[np.intp], int]:
    """Label of every point, counted in the order of first appearance, and their number."""
    if not len(points):
        return np.zeros(0, dtype=np.intp), 0
    distinct, place = np.unique(points, axis=0, return_inverse=True)
    pairs = KDTree(distinct).query_pairs(snap_m, output_type="ndarray")
    size = len(distinct)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, found = connected_components(graph, directed=False)
    labels = found[place.reshape(-1)]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[inverse].astype(np.intp), len(first)


def _without_loops(pieces: Pieces, snap_m: float, findings: Findings) -> Pieces:
    """Pieces whose ends meet are cut in two; those shorter than the tolerance are left out."""
    ends = _ends(pieces.shape)
    half = len(pieces.shape)
    label, _ = _clusters(ends, snap_m)
    is_loop = label[:half] == label[half:]
    if not is_loop.any():
        return pieces
    lengths = lengths_of(pieces.shape)
    shapes: list[object] = []
    rows: list[int] = []
    names: list[str] = []
    for place, shape in enumerate(pieces.shape):
        name, row = pieces.name[place], int(pieces.row[place])
        if not is_loop[place]:
            cut, added = [shape], [name]
        elif lengths[place] <= 2 * snap_m:
            findings.add(name, f"is {lengths[place]:.2f} m long, within snap_m; left out")
            continue
        else:
            middle = lengths[place] / 2
            ends = ((0.0, middle), (middle, float(lengths[place])))
            cut = [substring(shape, start, end) for start, end in ends]
            added = [f"{name}.a", f"{name}.b"]
            findings.add(name, "begins and ends in one junction; cut in two at its middle")
        shapes.extend(cut)
        names += added
        rows += [row] * len(cut)
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return Pieces(found, np.array(rows, dtype=np.intp), tuple(names))


def report_loose_ends(joined: Joined, *, snap_m: float, findings: Findings) -> int:
    """List the ends that touch another line between its ends; the number of all loose ends.

    Most loose ends are dead ends; one that lies on another line is a junction that was not drawn.
    """
    if not len(joined.loose):
        return 0
    tree = shapely.STRtree(joined.pieces.shape.tolist())
    points = [shapely.Point(place) for place in joined.places[joined.loose].tolist()]
    found, lines = tree.query(points, predicate="dwithin", distance=max(snap_m, 1e-6))
    for place, line in zip(found.tolist(), lines.tolist(), strict=True):
        knot = joined.loose[place]
        if knot not in (joined.tail[line], joined.head[line]):
            x, y = joined.places[knot]
            own = np.flatnonzero((joined.tail == knot) | (joined.head == knot))
            findings.add(
                joined.pieces.name[int(own[0])],
                f"ends at ({x:.1f}, {y:.1f}) on {joined.pieces.name[line]}, which has no end "
                "there: not joined; split that line in the file",
            )
    return len(joined.loose)


def outside_rows(degrees: geopandas.GeoDataFrame, extent: Sequence[float]) -> NDArray[np.bool_]:
    """Which rows reach beyond the extent of the city (rows,)."""
    west, south, east, north = extent
    left, bottom, right, top = np.asarray(degrees.geometry.bounds, dtype=float).T
    return (left < west) | (bottom < south) | (right > east) | (top > north)


def metric(frame: geopandas.GeoDataFrame, crs: str) -> geopandas.GeoDataFrame:
    """The frame in the metric system of the city; unchanged if it is in it already."""
    return frame if frame.crs == CRS(crs) else frame.to_crs(crs)
