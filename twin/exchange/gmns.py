"""Networks in the General Modeling Network Specification (GMNS, version 0.9): its CSV tables.

Read are ``node.csv``, ``link.csv`` and, where they are, ``config.csv`` and ``geometry.csv``. A link
stays what it is: a directed one becomes a section with one direction, an undirected one a section
with two. Links that no motor vehicle may use are left out and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from twin.errors import CityError
from twin.exchange.geofiles import DEGREES
from twin.exchange.geomapping import ColumnRule, GeoMapping, known_classes
from twin.exchange.geonetwork import Joined, Pieces, outside_rows
from twin.exchange.geosections import Ends, Imported, assemble
from twin.exchange.geovalues import Columns, Findings
from twin.model.tables import rows

MOST_BYTES = 1024**3
NODE_COLUMNS = ("node_id", "x_coord", "y_coord")
LINK_COLUMNS = ("link_id", "from_node_id", "to_node_id", "directed")
TRUE, FALSE = frozenset({"1", "true", "t", "yes"}), frozenset({"0", "false", "f", "no"})
SPEED_UNITS = MappingProxyType(
    {"mph": "mph", "mi/h": "mph", "kmh": "km/h", "kph": "km/h", "km/h": "km/h", "kmph": "km/h"}
)
MOTOR_USES = frozenset({"all", "auto", "car", "drive", "truck", "motor", "hov", "sov", "vehicle"})
NOT_FOR_CARS = frozenset(
    {"bikeway", "cycleway", "crosswalk", "footway", "path", "pedestrian", "rail", "railway",
     "sidewalk", "steps", "track", "trail", "transit", "walkway"}
)  # fmt: skip
WORDS: Mapping[str, str] = MappingProxyType(
    {"freeway": "motorway", "expressway": "motorway", "highway": "rural", "local": "residential",
     "major_arterial": "arterial", "minor_arterial": "arterial", "centroid_connector": "connector"}
)  # fmt: skip
"""Frequent facility types, which GMNS leaves open, beside our words and those of OpenStreetMap."""
MARGIN_DEG = 0.01
FARTHEST_M = 50.0
"""A drawn line that begins farther than this from its node is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class GmnsTables:
    """The tables of a folder as text, and what holds for all of them.

    Parameters
    ----------
    node, link
        Rows; empty cells are empty texts.
    shapes
        Line of every ``geometry_id`` as well-known text.
    crs
        Reference system of the coordinates.
    speed_unit
        ``mph`` or ``km/h``; empty if nobody says it.
    """

    node: pd.DataFrame
    link: pd.DataFrame
    shapes: Mapping[str, str]
    crs: CRS
    speed_unit: str


def read_gmns(folder: Path, *, crs: str = "", speed_unit: str = "") -> GmnsTables:
    """Tables of a GMNS folder.

    Parameters
    ----------
    folder
        With ``node.csv`` and ``link.csv``.
    crs, speed_unit
        Where ``config.csv`` does not say them; refused if it says something else.

    Raises
    ------
    CityError
        If a table or a needed column is missing, no reference system is known, the unit of speeds
        is unknown, or an id is repeated; lists every problem.

    Examples
    --------
    >>> read_gmns(Path("nowhere"))
    Traceback (most recent call last):
    twin.errors.CityError: nowhere/node.csv is missing; name the folder of a GMNS network
    """
    node, link = (_table(folder / f"{name}.csv") for name in ("node", "link"))
    config = _table(folder / "config.csv", is_needed=False)
    said = {} if config.empty else config.iloc[0].to_dict()
    problems = [
        f"{name} has no column {column!r}"
        for name, table, needed in (
            ("node.csv", node, NODE_COLUMNS),
            ("link.csv", link, LINK_COLUMNS),
        )
        for column in needed
        if column not in table.columns
    ]
    problems += _disagreements("crs", crs, str(said.get("crs", "")))
    speed = _speed_unit(speed_unit or str(said.get("speed", "")), link, problems)
    system = _system(crs or str(said.get("crs", "")), problems)
    for table, key in ((node, "node_id"), (link, "link_id")):
        if key in table.columns:
            repeated = sorted(set(table[key][table[key].duplicated()]))
            problems += [f"{key} {value!r} is given to several rows" for value in repeated[:20]]
    if problems or system is None:
        raise CityError(f"{folder} is no usable GMNS network\n- " + "\n- ".join(problems))
    shapes = _table(folder / "geometry.csv", is_needed=False)
    lines = (
        {} if shapes.empty else dict(zip(shapes["geometry_id"], shapes["geometry"], strict=True))
    )
    return GmnsTables(node, link, lines, system, speed)


def _table(path: Path, *, is_needed: bool = True) -> pd.DataFrame:
    if not path.is_file():
        if is_needed:
            raise CityError(f"{path} is missing; name the folder of a GMNS network")
        return pd.DataFrame()
    if path.stat().st_size > MOST_BYTES:
        raise CityError(f"{path} is larger than {MOST_BYTES:,} bytes")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, ValueError) as error:  # ValueError: also of the parser
        raise CityError(f"{path} cannot be read as a CSV file in UTF-8: {error}") from None
    table = table.apply(lambda column: column.str.strip())
    return table.replace({"NULL": "", "NaN": "", "nan": ""})


def _disagreements(what: str, given: str, said: str) -> list[str]:
    if given and said and _crs_of(given) != _crs_of(said):
        return [f"config.csv says {what} {said!r}, the command {given!r}; leave one of them out"]
    return []


def _crs_of(text: str) -> CRS | None:
    try:
        return CRS.from_user_input(int(text) if text.isdigit() else text)
    except CRSError:
        return None


def _system(text: str, problems: list[str]) -> CRS | None:
    found = _crs_of(text) if text else None
    if found is None:
        problems.append(
            f"crs {text!r} is no reference system" if text
            else "config.csv says no crs; name it with --crs, such as EPSG:25833"
        )  # fmt: skip
    return found


def _speed_unit(text: str, link: pd.DataFrame, problems: list[str]) -> str:
    has_speeds = "free_speed" in link.columns and bool((link["free_speed"] != "").any())
    found = SPEED_UNITS.get(text.casefold().replace(" ", ""), "")
    if has_speeds and not found:
        problems.append(
            f"the unit of free_speed is {text!r}; name mph or km/h with --speed-unit"
            if text
            else "config.csv says no unit of speed; name mph or km/h with --speed-unit"
        )
    return found


def bounds_deg(tables: GmnsTables) -> tuple[float, float, float, float]:
    """West, south, east, north of all nodes with a margin [deg]: lines may bend beyond them."""
    xy = _numbers(tables.node)
    to_degrees = Transformer.from_crs(tables.crs, DEGREES, always_xy=True)
    longitude, latitude = to_degrees.transform(*xy[np.isfinite(xy).all(axis=1)].T)
    return (
        float(longitude.min()) - MARGIN_DEG,
        float(latitude.min()) - MARGIN_DEG,
        float(longitude.max()) + MARGIN_DEG,
        float(latitude.max()) + MARGIN_DEG,
    )


def import_links(
    tables: GmnsTables, *, reference: str, prefix: str, crs: str, extent: Sequence[float]
) -> Imported:
    """Road sections, junctions and directions of a GMNS network.

    Parameters
    ----------
    tables
        As :func:`read_gmns` gives them.
    reference
        Id of the reference that values are sourced from.
    prefix
        Begins every id.
    crs
        Metric system of the city.
    extent
        West, south, east, north of the city [deg]; links that reach beyond are left out and listed.

    Raises
    ------
    CityError
        If no link is left.
    """
    findings = Findings()
    node, places = _nodes(tables, crs, findings)
    link = _motor_links(tables.link, node, findings)
    row = {name: number for number, name in enumerate(node["node_id"])}
    tail = np.array([row[name] for name in link["from_node_id"]], dtype=np.intp)
    head = np.array([row[name] for name in link["to_node_id"]], dtype=np.intp)
    to_metric = Transformer.from_crs(tables.crs, crs, always_xy=True)
    names = [f"link {name}" for name in link["link_id"]]
    texts, places_of_ends = _texts(link, tables.shapes), (places[tail], places[head])
    lines = _lines(texts, places_of_ends, names=names, to_metric=to_metric, findings=findings)
    is_far = outside_rows(geopandas.GeoDataFrame(geometry=lines, crs=crs).to_crs(DEGREES), extent)
    what = (
        "reaches beyond city.extent; left out (widen the extent in city.toml if it belongs to it)"
    )
    findings.each(names, np.flatnonzero(is_far), what)
    if is_far.all():
        listed = "\n- ".join(findings.lines[:20])
        raise CityError(f"link.csv holds no link for this city\n- {listed}")
    link, lines = link[~is_far].reset_index(drop=True), lines[~is_far]
    used, ends = np.unique(np.concatenate((tail[~is_far], head[~is_far])), return_inverse=True)
    ids = tuple(f"{prefix}{name}" for name in link["link_id"])
    pieces = Pieces(lines, np.arange(len(ids)), ids)
    nowhere_loose = np.empty(0, dtype=np.intp)
    joined = Joined(pieces, ends[: len(ids)], ends[len(ids) :], places[used], nowhere_loose)
    columns = Columns(link, ids, findings)
    mapping = GeoMapping(_rules(link, tables.speed_unit))
    junctions = _ends(node.iloc[used.tolist()], prefix)
    return assemble(columns, mapping, joined, ends=junctions, reference=reference, crs=crs)


def _ends(node: pd.DataFrame, prefix: str) -> Ends:
    keys = node["node_id"].tolist()
    names = node["name"].tolist() if "name" in node.columns else [""] * len(keys)
    return Ends(
        ids=[f"{prefix}N{key}" for key in keys],
        names=[name or f"node {key}" for name, key in zip(names, keys, strict=True)],
        provenance="sourced",
        note="",
    )


def _numbers(node: pd.DataFrame) -> NDArray[np.float64]:
    """Coordinates as the table has them (nodes, 2); NaN where there is no number."""
    columns = [pd.to_numeric(node[name], errors="coerce") for name in NODE_COLUMNS[1:]]
    return np.column_stack(columns).astype(np.float64)


def _nodes(
    tables: GmnsTables, crs: str, findings: Findings
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Nodes with numbers for coordinates, and their places (nodes, 2) [m]."""
    xy = _numbers(tables.node)
    is_sound = np.isfinite(xy).all(axis=1)
    names = [f"node {name}" for name in tables.node["node_id"]]
    findings.each(names, np.flatnonzero(~is_sound), "has no coordinates; left out with its links")
    to_metric = Transformer.from_crs(tables.crs, crs, always_xy=True)
    node = pd.DataFrame(tables.node[is_sound]).reset_index(drop=True)
    places = np.column_stack(to_metric.transform(*xy[is_sound].T))
    return node, np.asarray(places, dtype=np.float64)


def _motor_links(link: pd.DataFrame, node: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Links between known nodes that motor vehicles may use, with the direction as a word."""
    names = [f"link {name}" for name in link["link_id"]]
    known = node["node_id"]
    is_lost = ~(link["from_node_id"].isin(known) & link["to_node_id"].isin(known)).to_numpy()
    findings.each(names, np.flatnonzero(is_lost), "ends at a node that is not there; left out")
    is_loop = (link["from_node_id"] == link["to_node_id"]).to_numpy() & ~is_lost
    findings.each(names, np.flatnonzero(is_loop), "ends where it begins; left out")
    directed = link["directed"].str.casefold()
    is_unclear = (~directed.isin(TRUE | FALSE)).to_numpy()
    findings.each(
        names, np.flatnonzero(is_unclear), "`directed` is neither 1 nor 0; one direction is taken"
    )
    is_motor = np.array([_is_for_motors(*pair) for pair in zip(*_uses(link), strict=True)], bool)
    kept = ~is_lost & ~is_loop & is_motor
    others = int(np.count_nonzero(~is_motor))
    if others:
        findings.add("link.csv", f"{others:,} links that no motor vehicle may use are left out")
    way = np.where(directed.isin(FALSE), "both", "forward")
    return link.assign(directed=way, capacity_direction=_capacity(link))[kept].reset_index(
        drop=True
    )


def _capacity(link: pd.DataFrame) -> list[str]:
    """Capacity of one direction as text: GMNS gives that of a lane; empty unless both are known."""
    if not {"capacity", "lanes"} <= set(link.columns):
        return [""] * len(link)
    lane, lanes = (pd.to_numeric(link[name], errors="coerce") for name in ("capacity", "lanes"))
    product = (lane * lanes).tolist()
    return [f"{value:g}" if value > 0 else "" for value in product]


def _uses(link: pd.DataFrame) -> tuple[Sequence[str], Sequence[str]]:
    empty = [""] * len(link)
    uses = link["allowed_uses"].tolist() if "allowed_uses" in link.columns else empty
    kinds = link["facility_type"].tolist() if "facility_type" in link.columns else empty
    return uses, kinds


def _is_for_motors(uses: str, facility: str) -> bool:
    if uses:
        words = {word.strip().casefold() for word in uses.replace(";", ",").split(",")}
        return bool(words & MOTOR_USES)
    return facility.casefold().replace(" ", "_") not in NOT_FOR_CARS


def _texts(link: pd.DataFrame, shapes: Mapping[str, str]) -> Sequence[str]:
    """Geometry of every link as well-known text: its own, that of its ``geometry_id``, or none."""
    empty = [""] * len(link)
    own = link["geometry"].tolist() if "geometry" in link.columns else empty
    keys = link["geometry_id"].tolist() if "geometry_id" in link.columns else empty
    return [text or shapes.get(key, "") for text, key in zip(own, keys, strict=True)]


def _lines(
    texts: Sequence[str],
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    names: Sequence[str],
    to_metric: Transformer,
    findings: Findings,
) -> NDArray[np.object_]:
    """Line of every link (links,) [m] from its first node to its last; straight if undrawn."""
    drawn = shapely.from_wkt(list(texts), on_invalid="ignore")
    found = np.empty(len(texts), dtype=object)
    for place, (shape, tail, head) in enumerate(zip(drawn, *ends, strict=True)):
        found[place] = shapely.LineString([tail, head])
        if not texts[place]:
            continue
        if not isinstance(shape, shapely.LineString) or shape.is_empty:
            findings.add(names[place], "geometry is no line; drawn straight")
            continue
        points = np.column_stack(to_metric.transform(*shapely.get_coordinates(shape).T))
        first, last = (float(np.hypot(*(points[end] - tail))) for end in (0, -1))
        found[place] = shapely.LineString(points if first <= last else points[::-1])
        if min(first, last) > FARTHEST_M:
            gap = f"its line begins {min(first, last):,.0f} m from its node"
            findings.add(names[place], f"{gap}; check geometry and coordinates")
    return found


def _rules(link: pd.DataFrame, speed_unit: str) -> Mapping[str, ColumnRule]:
    """Rules of the columns that are there. Lanes and capacity count for one direction."""
    rules = {
        "name": ColumnRule("name"),
        "road_class": ColumnRule("facility_type", meanings=_classes(link)),
        "lanes": ColumnRule("lanes", per="direction"),
        "maxspeed": ColumnRule("free_speed", unit=speed_unit),
        "capacity_veh_h": ColumnRule("capacity_direction", unit="/h"),
        "gmns_link": ColumnRule("link_id"),
        "gmns_facility_type": ColumnRule("facility_type"),
        "gmns_jurisdiction": ColumnRule("jurisdiction"),
    }
    found = {name: rule for name, rule in rules.items() if rule.column in link.columns}
    return {**found, "oneway": ColumnRule("directed", forward=("forward",), both=("both",))}


def _classes(link: pd.DataFrame) -> Mapping[str, str]:
    """Road class of every facility type that can be told; the others are reported as unknown."""
    highways = {row["highway"]: row["road_class"] for row in rows("osm_highways")}
    table = {**{word: word for word in known_classes()}, **highways, **WORDS}
    if "facility_type" not in link.columns:
        return {}
    spelled = {
        text: text.casefold().replace(" ", "_") for text in set(link["facility_type"]) if text
    }
    return {text: table[word] for text, word in spelled.items() if word in table}
