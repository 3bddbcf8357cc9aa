"""Road networks and trips in the TNTP format, read from a directory that the user names.

The published test networks in this format are not shipped: their licence states no right to pass
them on. Units are not in the files, so whoever reads says them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.errors import DecodeError
from twin.model.network import CostFunction, LinkProvenance, Network
from twin.model.traffic import Demand, VehicleClass

TIME_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
LENGTH_UNITS_M = {"m": 1.0, "km": 1000.0, "ft": 0.3048, "mi": 1609.344, "none": 0.0}
MOST_DIFFERENCE = 1e-3
MOST_NODE = 2**31
_COLUMNS = ("init", "term", "capacity", "length", "free-flow time", "b", "power", "speed", "toll")
_NEEDED = 7
_TOLL = 8
_KEY = re.compile(r"<([^>]+)>\s*(.*)")
_TRIP = re.compile(
    r"\s+|~[^\n]*|(?i:origin)\s+(?P<origin>\d{1,10})"
    r"|(?P<zone>\d{1,10})\s*:\s*(?P<flow>[^\s;:]+)\s*;?|;|(?P<wrong>\S+)"
)


@dataclass(frozen=True, slots=True)
class TntpUnits:
    """What the files do not say.

    Parameters
    ----------
    time_s, length_m : float
        Seconds of a time unit and metres of a length unit; a length unit of 0 makes a drawing
        without lengths.
    toll_weight, length_weight : float
        Time units that a toll unit and a length unit cost a driver.
    """

    time_s: float
    length_m: float
    toll_weight: float = 0.0
    length_weight: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TntpFolder:
    """What a directory held.

    Parameters
    ----------
    network : Network
    demand : Demand or None
        None without a trips file.
    flow_vehh : (links,) or None
        Of the flow file, NaN where it has no row; None without one. For checks only.
    warnings : tuple[str, ...]
    """

    network: Network
    demand: Demand | None
    flow_vehh: NDArray[np.float64] | None
    warnings: tuple[str, ...]


def read_tntp(folder: Path, *, units: TntpUnits) -> TntpFolder:
    """Network, trips and published flows of a directory.

    Weights of toll and length become tolls of a class whose second is worth one euro.

    Raises
    ------
    DecodeError
        If a file cannot be read or a line does not follow the format; names file and line.

    Examples
    --------
    >>> read_tntp(Path("nowhere"), units=TntpUnits(60.0, 1000.0))
    Traceback (most recent call last):
    twin.errors.DecodeError: nowhere holds no *_net.tntp: name the directory of one network
    """
    net_file = _only(folder, "net")
    if net_file is None:
        raise DecodeError(f"{folder} holds no *_net.tntp: name the directory of one network")
    facts, table = _net(net_file)
    demand_file, node_file, flow_file = (_only(folder, kind) for kind in ("trips", "node", "flow"))
    trips, told = (None, None) if demand_file is None else _trips(demand_file)
    warnings = [] if trips is None else _difference(demand_file, trips, told)
    places = {} if node_file is None else _places(node_file)
    network = _network(facts, table, trips=trips, places=places, units=units)
    flow = None if flow_file is None else _flows(flow_file, network)
    demand = None if trips is None else _demand(trips, units)
    return TntpFolder(network, demand, flow, tuple(warnings))


def _only(folder: Path, kind: str) -> Path | None:
    files = sorted(path for path in folder.glob("*") if path.name.lower().endswith(f"_{kind}.tntp"))
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise DecodeError(f"{folder} holds several networks ({names}): keep one *_{kind}.tntp")
    return files[0] if files else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise DecodeError(f"{file} cannot be read: {error.strerror}") from None


def _metadata(file: Path, lines: list[str]) -> tuple[dict[str, str], int]:
    """Values by upper-case key, and the number of the first line after the metadata."""
    facts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        found = _KEY.match(line.strip())
        if found is None:
            continue
        key = found.group(1).strip().upper()
        if key == "END OF METADATA":
            return facts, number
        facts[key] = found.group(2).partition("~")[0].strip()
    raise DecodeError(f"{file}: <END OF METADATA> is missing; is this a TNTP file?")


def _rows(lines: list[str], start: int) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as words, without comments and the final semicolon."""
    for number, line in enumerate(lines[start:], start + 1):
        words = line.partition("~")[0].replace(";", " ").split()
        if words:
            yield number, words


def _number(word: str, *, file: Path, line: int, what: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise DecodeError(f"{file}, line {line}: {what} is no number: {word!r}") from None
    if not np.isfinite(value):
        raise DecodeError(f"{file}, line {line}: {what} must be finite, got {word!r}")
    return value


def _integer(word: str, *, file: Path, line: int, what: str) -> int:
    value = _number(word, file=file, line=line, what=what)
    if value != int(value) or not 0 <= value <= MOST_NODE:
        raise DecodeError(f"{file}, line {line}: {what} must be a node number, got {word!r}")
    return int(value)


def _net(file: Path) -> tuple[Mapping[str, int], NDArray[np.float64]]:
    """Numbers of the metadata, and one row a link: the columns up to the toll."""
    lines = _lines(file)
    texts, start = _metadata(file, lines)
    facts = {}
    for key in ("NUMBER OF ZONES", "NUMBER OF NODES", "FIRST THRU NODE", "NUMBER OF LINKS"):
        if key in texts:
            facts[key] = _integer(texts[key], file=file, line=start, what=f"<{key}>")
    table = []
    for line, words in _rows(lines, start):
        if len(words) < _NEEDED:
            listed = ", ".join(_COLUMNS[:_NEEDED])
            raise DecodeError(f"{file}, line {line}: {len(words)} columns, needed are {listed}")
        ends = [
            _integer(word, file=file, line=line, what=what)
            for word, what in zip(words[:2], _COLUMNS, strict=False)
        ]
        values = [
            _number(word, file=file, line=line, what=what)
            for word, what in zip(words[2 : len(_COLUMNS)], _COLUMNS[2:], strict=False)
        ]
        if min(values[:5]) < 0.0:
            raise DecodeError(f"{file}, line {line}: a negative value in {' '.join(words)!r}")
        table.append([*ends, *values, *[0.0] * (len(_COLUMNS) - len(ends) - len(values))])
    wanted = facts.get("NUMBER OF LINKS", len(table))
    if wanted != len(table):
        raise DecodeError(f"{file}: <NUMBER OF LINKS> is {wanted}, but {len(table)} links follow")
    if not table:
        raise DecodeError(f"{file}: no link follows the metadata")
    return facts, np.array(table)


def _trips(file: Path) -> tuple[NDArray[np.float64], float | None]:
    """Rows of origin, destination, trips; and the total of the metadata."""
    lines = _lines(file)
    texts, start = _metadata(file, lines)
    text = "\n".join(lines[start:])
    origin, rows = None, []
    for found in _TRIP.finditer(text):
        kind = found.lastgroup
        if kind is None:
            continue
        line = start + 1 + text.count("\n", 0, found.start()) if kind == "wrong" else 0
        if kind == "wrong":
            raise DecodeError(f"{file}, line {line}: neither 'Origin k' nor 'zone : trips;': "
                              f"{found.group()!r}")  # fmt: skip
        if kind == "origin":
            origin = int(found.group("origin"))
            continue
        rows.append(_trip(found, origin=origin, file=file, text=text, start=start))
    total = texts.get("TOTAL OD FLOW")
    told = None if not total else _number(total, file=file, line=start, what="<TOTAL OD FLOW>")
    return np.array(rows).reshape(-1, 3), told


def _trip(
    found: re.Match[str], *, origin: int | None, file: Path, text: str, start: int
) -> tuple[float, float, float]:
    try:
        flow = float(found.group("flow"))
    except ValueError:
        flow = np.nan
    if origin is not None and np.isfinite(flow) and flow >= 0.0:
        return float(origin), float(found.group("zone")), flow
    line = start + 1 + text.count("\n", 0, found.start())
    if origin is None:
        raise DecodeError(f"{file}, line {line}: trips before the first 'Origin'")
    raise DecodeError(
        f"{file}, line {line}: trips must be a number of 0 or more, got {found.group('flow')!r}"
    )


def _difference(file: Path | None, trips: NDArray[np.float64], told: float | None) -> list[str]:
    found = float(trips[:, 2].sum())
    if told is None or abs(found - told) <= MOST_DIFFERENCE * max(told, 1e-12):
        return []
    name = "" if file is None else file.name
    return [f"{name}: the trips add up to {found:g}, <TOTAL OD FLOW> says {told:g}"]


def _places(file: Path) -> dict[int, tuple[float, float]]:
    """Coordinates by node; a header without a tilde is passed over."""
    lines = _lines(file)
    start = next((i for i, line in enumerate(lines, 1) if "END OF METADATA" in line.upper()), 0)
    found = {}
    for line, words in _rows(lines, start):
        if not found and words[0].lower() in {"node", "id"}:
            continue
        if len(words) < 3:  # noqa: PLR2004 - node, x, y
            raise DecodeError(f"{file}, line {line}: needed are node, x, y")
        node = _integer(words[0], file=file, line=line, what="node")
        x, y = (_number(word, file=file, line=line, what="coordinate") for word in words[1:3])
        found[node] = (x, y)
    return found


def _network(
    facts: Mapping[str, int],
    table: NDArray[np.float64],
    *,
    trips: NDArray[np.float64] | None,
    places: Mapping[int, tuple[float, float]],
    units: TntpUnits,
) -> Network:
    tail, head = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    ends = np.empty(0) if trips is None else trips[:, :2].ravel()
    nodes = np.unique(np.concatenate([tail, head, ends.astype(np.int64)]))
    place = np.array([places.get(node, (0.0, 0.0)) for node in nodes.tolist()])
    m = tail.size
    length, time = table[:, 3] * units.length_m, table[:, 4] * units.time_s
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.where((length > 0.0) & (time > 0.0), length / time * 3.6, 0.0)
    weighed = units.toll_weight * table[:, _TOLL] + units.length_weight * table[:, 3]
    is_constant = table[:, 5] == 0.0
    sourced = np.full(m, LinkProvenance.SOURCED, dtype=np.uint8)
    return Network(
        epsg=0,
        node_id=nodes,
        x_m=place[:, 0],
        y_m=place[:, 1],
        is_zone=(nodes <= facts.get("NUMBER OF ZONES", 0)) | np.isin(nodes, ends),
        no_through=nodes < facts.get("FIRST THRU NODE", 1),
        link_id=np.arange(1, m + 1),
        tail=tail,
        head=head,
        length_m=length,
        t0_s=time,
        speed_kmh=speed,
        lanes=np.ones(m, dtype=np.uint8),
        capacity_pceh=table[:, 2].copy(),
        cost_function=np.where(is_constant, CostFunction.FIXED, CostFunction.BPR).astype(np.uint8),
        p0=table[:, 5].copy(),
        p1=table[:, 6].copy(),
        p2=np.zeros(m),
        mask=np.full(m, 0xFFFFFFFF, dtype=np.uint32),
        max_weight_t=np.full(m, np.inf),
        max_axle_t=np.full(m, np.inf),
        max_height_m=np.full(m, np.inf),
        preload_pceh=np.zeros(m),
        toll_eur=(weighed * units.time_s)[None] if weighed.any() else None,
        provenance={"capacity_pceh": sourced, "t0_s": sourced},
    )


def _demand(trips: NDArray[np.float64], units: TntpUnits) -> Demand:
    is_weighed = units.toll_weight != 0.0 or units.length_weight != 0.0
    vehicle = VehicleClass("vehicle", bit=0, time_value_eur_h=3600.0 if is_weighed else np.inf)
    goes = trips[:, 2] > 0.0
    rows = trips[goes]
    return Demand(
        classes=(vehicle,),
        class_index=np.zeros(rows.shape[0], dtype=np.uint8),
        origin=rows[:, 0].astype(np.int64),
        destination=rows[:, 1].astype(np.int64),
        flow_vehh=rows[:, 2].copy(),
        assumptions=("trips and capacities are taken for the same period, as in the files",),
    )


def _flows(file: Path, network: Network) -> NDArray[np.float64]:
    """Published flow per link; repeated pairs of nodes are matched in their order."""
    lines = _lines(file)
    start = next((i for i, line in enumerate(lines, 1) if "END OF METADATA" in line.upper()), 0)
    given: dict[tuple[int, int], list[float]] = {}
    for line, words in _rows(lines, start):
        values = [word for word in words if word != ":"]
        if not given and not values[0].lstrip("-").isdigit():
            continue
        if len(values) < 3:  # noqa: PLR2004 - tail, head, volume
            raise DecodeError(f"{file}, line {line}: needed are tail, head, volume")
        tail, head = (_integer(word, file=file, line=line, what="node") for word in values[:2])
        flow = _number(values[2], file=file, line=line, what="volume")
        given.setdefault((tail, head), []).append(flow)
    flows = np.full(network.link_id.size, np.nan)
    for row, pair in enumerate(zip(network.tail.tolist(), network.head.tolist(), strict=True)):
        if given.get(pair):
            flows[row] = given[pair].pop(0)
    return flows
