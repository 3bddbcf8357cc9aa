"""Everything that is wrong with a network, found before anything is computed with it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.traffic import costs
from simulations.traffic.arrays import BoolArray, IdArray
from twin.model.network import CostFunction, Network
from twin.model.traffic import VehicleClass

NAMED = 5
_WHOLE, _NUMBER, _FLAG = "iu", "iuf", "b"  # kinds of numpy types
_NODE_COLUMNS = {"x_m": _NUMBER, "y_m": _NUMBER, "is_zone": _FLAG, "no_through": _FLAG}
_LINK_COLUMNS = {
    "tail": _WHOLE,
    "head": _WHOLE,
    "length_m": _NUMBER,
    "t0_s": _NUMBER,
    "speed_kmh": _NUMBER,
    "lanes": _WHOLE,
    "capacity_pceh": _NUMBER,
    "cost_function": _WHOLE,
    "p0": _NUMBER,
    "p1": _NUMBER,
    "p2": _NUMBER,
    "mask": _WHOLE,
    "max_weight_t": _NUMBER,
    "max_axle_t": _NUMBER,
    "max_height_m": _NUMBER,
    "preload_pceh": _NUMBER,
}
_WORDS = {_WHOLE: "whole numbers", _NUMBER: "numbers", _FLAG: "true and false"}
_OPTIONAL_COLUMNS = {"limit_exempt": _WHOLE, "closed_to": _WHOLE, "odd_speed": _FLAG}
_BITS = 32
_LARGEST = 1e9  # beyond any length, time or volume of a city, and far from overflow
_SMALLEST_PCEH = 1e-3
_STEEPEST = 30.0  # (1e10)^30 is still a number
_FLATTEST = 1.01  # the conical function is defined above 1 and loses its digits there
_SHORTEST_H = 0.01
_LEAST = 1e-6
_CENT_EUR = 0.01
_SLOWEST_KMH, _FASTEST_KMH = 2.0, 250.0
_KMH = 3.6  # 1 m/s in km/h
_PROBES = np.linspace(0.0, 4.0, 41)  # volume over capacity
_ROUNDING = 1e-12


def named(ids: IdArray, values: NDArray | None = None, *, word: str = "") -> str:
    """The lowest ids, with values if given, and how many more there are.

    Examples
    --------
    >>> import numpy as np
    >>> named(np.array([9, 2]), np.array([-1.0, 3.0]), word="link ")
    'link 2 (3), link 9 (-1)'
    """
    order = np.argsort(ids, kind="stable")
    parts = [
        f"{word}{ids[row]}" + ("" if values is None else f" ({values[row]:g})")
        for row in order[:NAMED]
    ]
    more = f" and {ids.size - NAMED} more" if ids.size > NAMED else ""
    return ", ".join(parts) + more


def problems(network: Network, classes: Sequence[VehicleClass]) -> list[str]:
    """What forbids computing with this network and these classes, in sentences; best is none.

    Columns of wrong length or type are reported alone, since nothing else can be looked at then.
    """
    found = _shape_problems(network, len(classes))
    if found:
        return found
    return (
        class_problems(classes)
        + _node_problems(network)
        + _link_problems(network)
        + _speed_problems(network)
        + _function_problems(network)
        + _turn_problems(network)
        + _asset_problems(network)
    )


def class_problems(classes: Sequence[VehicleClass]) -> list[str]:
    """What is wrong with vehicle classes."""
    found = [] if classes else ["there is no vehicle class; give at least one"]
    for values, word in (
        ([item.name for item in classes], "name"),
        ([str(item.bit) for item in classes], "bit"),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            listed = ", ".join(twice)
            found.append(f"vehicle classes share the {word} {listed}; give each its own")
    for item in classes:
        checks = (
            (0 <= item.bit < _BITS, f"bit {item.bit}, expected 0 to {_BITS - 1}"),
            (_LEAST <= item.pce <= _LARGEST, f"pce {item.pce:g}, expected more than 0"),
            (item.vmax_kmh >= 1.0, f"vmax {item.vmax_kmh:g} km/h, expected 1 or more"),
            (
                0.0 <= item.mass_from_t <= item.mass_to_t,
                f"mass band {item.mass_from_t:g} to {item.mass_to_t:g} t, expected 0 <= from <= to",
            ),
            (item.axle_t >= 0.0, f"axle load {item.axle_t:g} t, expected 0 or more"),
            (item.height_m >= 0.0, f"height {item.height_m:g} m, expected 0 or more"),
            (
                item.time_value_eur_h >= _CENT_EUR,
                f"value of time {item.time_value_eur_h:g} EUR/h, expected 0.01 or more",
            ),
            (
                0.0 <= item.distance_cost_eur_km <= _LARGEST,
                f"distance cost {item.distance_cost_eur_km:g} EUR/km, expected 0 to {_LARGEST:g}",
            ),
        )
        found += [f"vehicle class {item.name}: {text}" for holds, text in checks if not holds]
    return found


def _shape_problems(network: Network, classes: int) -> list[str]:
    found = []
    given = {name: kind for name, kind in _OPTIONAL_COLUMNS.items() if _is_given(network, name)}
    sizes = {"node_id": _NODE_COLUMNS, "link_id": _LINK_COLUMNS | given}
    for key, kinds in sizes.items():
        shape = (getattr(network, key).size,)
        for name, kind in ({key: _WHOLE} | kinds).items():
            column = getattr(network, name)
            if column.shape != shape:
                found.append(f"column {name} has shape {column.shape}, expected {shape} like {key}")
            if column.dtype.kind not in kind:
                found.append(f"column {name} holds {column.dtype}, expected {_WORDS[kind]}")
    links = network.link_id.size
    toll = network.toll_eur
    if toll is not None and toll.shape != (classes, links):
        found.append(f"toll_eur has shape {toll.shape}, expected {(classes, links)}")
    for table, names in (
        (network.turns, ("in_link", "out_link", "penalty_s", "mask")),
        (network.link_assets, ("link_id", "asset", "from_m", "to_m")),
    ):
        lengths = {len(getattr(table, name)) for name in names}
        if len(lengths) > 1:
            found.append(f"the columns {', '.join(names)} differ in length: {sorted(lengths)}")
    if links == 0:
        found.append("the network has no links; there is nothing to drive on")
    return found


def _is_given(network: Network, name: str) -> bool:
    return getattr(network, name) is not None


def _repeated(ids: IdArray, word: str) -> list[str]:
    values, counts = np.unique(ids, return_counts=True)
    twice = values[counts > 1]
    return [f"{twice.size} {word}(s) occur more than once: {named(twice)}"] if twice.size else []


def _node_problems(network: Network) -> list[str]:
    found = _repeated(network.node_id, "node id")
    lost = ~(np.isfinite(network.x_m) & np.isfinite(network.y_m))
    if lost.any():
        found.append(f"{lost.sum()} node(s) have no coordinates: {named(network.node_id[lost])}")
    return found


def _wrong_links(
    network: Network, is_wrong: BoolArray, text: str, values: NDArray | None = None
) -> list[str]:
    """One sentence about the links at fault, or nothing."""
    if not is_wrong.any():
        return []
    shown = None if values is None else values[is_wrong]
    listed = named(network.link_id[is_wrong], shown, word="link ")
    return [f"{np.count_nonzero(is_wrong)} link(s) {text}: {listed}"]


def _link_problems(network: Network) -> list[str]:
    found = _repeated(network.link_id, "link id")
    negative = network.link_id < 0
    found += _wrong_links(network, negative, "have a negative id; -1 stands for a turn")
    for name in ("tail", "head"):
        column = getattr(network, name)
        unknown = ~np.isin(column, network.node_id)
        found += _wrong_links(network, unknown, f"have a {name} that is no node", column)
    for name in ("length_m", "t0_s", "preload_pceh"):
        column = getattr(network, name)
        wrong = ~((column >= 0.0) & (column <= _LARGEST))
        found += _wrong_links(network, wrong, f"need {name} from 0 to {_LARGEST:g}", column)
    for name in ("speed_kmh", "max_weight_t", "max_axle_t", "max_height_m"):
        column = getattr(network, name)
        wrong = ~(column >= 0.0)
        found += _wrong_links(network, wrong, f"need {name} of 0 or more (+inf is none)", column)
    if network.toll_eur is not None:
        wrong = ~((network.toll_eur >= 0.0) & (network.toll_eur <= _LARGEST))
        text = f"need toll_eur from 0 to {_LARGEST:g}"
        found += _wrong_links(network, np.logical_or.reduce(wrong), text)
    return found


def _speed_problems(network: Network) -> list[str]:
    """Free speeds that look like a mistake of units; a schematic drawing has no true length."""
    if network.epsg == 0:
        return []
    has_speed = (network.length_m > 0.0) & (network.t0_s > 0.0)
    if network.odd_speed is not None:
        has_speed &= ~network.odd_speed
    with np.errstate(all="ignore"):  # wrong lengths and times have been reported already
        speed_kmh = _KMH * network.length_m / network.t0_s
    wrong = has_speed & ((speed_kmh > _FASTEST_KMH) | (speed_kmh < _SLOWEST_KMH))
    return _wrong_links(
        network,
        wrong,
        f"have a free speed [km/h] outside {_SLOWEST_KMH:g} to {_FASTEST_KMH:g}, check units or "
        "mark them in odd_speed",
        speed_kmh,
    )


def _function_problems(network: Network) -> list[str]:
    fn, p0, p1 = network.cost_function, network.p0, network.p1
    unknown = ~np.isin(fn, list(CostFunction))
    found = _wrong_links(network, unknown, "have an unknown cost function", fn)
    for name in ("p0", "p1", "p2"):
        column = getattr(network, name)
        wrong = ~(np.abs(column) <= _LARGEST)
        found += _wrong_links(network, wrong, f"need a {name} within +-{_LARGEST:g}", column)
    bpr, conical, akcelik = (
        fn == code for code in (CostFunction.BPR, CostFunction.CONICAL, CostFunction.AKCELIK)
    )
    rules = (
        ((fn == CostFunction.LINEAR) & (p0 < 0.0), "have a negative slope", p0),
        (bpr & (p0 < 0.0), "have a negative BPR factor", p0),
        (bpr & (p1 != 0.0) & (p1 < 1.0), "have a BPR exponent other than 0 below 1", p1),
        (bpr & (p1 > _STEEPEST), f"have a BPR exponent above {_STEEPEST:g}", p1),
        (conical & (p0 < _FLATTEST), f"need a conical steepness of {_FLATTEST:g} or more", p0),
        (akcelik & (p0 < _SHORTEST_H), f"need an Akcelik period of {_SHORTEST_H:g} h or more", p0),
        (akcelik & (p1 < _LEAST), f"need an Akcelik delay parameter of {_LEAST:g} or more", p1),
    )
    for wrong, text, values in rules:
        found += _wrong_links(network, wrong, text, values)
    needs_capacity = ~np.isin(fn, (CostFunction.FIXED, CostFunction.LINEAR)) & ~unknown
    capacity = network.capacity_pceh
    wrong = needs_capacity & ~((capacity >= _SMALLEST_PCEH) & (capacity <= _LARGEST))
    wrong |= ~needs_capacity & ~(capacity >= 0.0)
    text = f"need a capacity from {_SMALLEST_PCEH:g} to {_LARGEST:g}; close a link to give it none"
    found += _wrong_links(network, wrong, text, network.capacity_pceh)
    return found or _falling(network)


def _falling(network: Network) -> list[str]:
    """Links whose time falls somewhere between no volume and four times their capacity."""
    fn = network.cost_function.astype(np.uint8)
    p0, p1, p2, t0_s, capacity_pceh = (
        np.ascontiguousarray(column, dtype=np.float64)
        for column in (network.p0, network.p1, network.p2, network.t0_s, network.capacity_pceh)
    )
    falls = np.zeros(network.link_id.size, dtype=np.bool_)
    costs.find_falling(fn, p0, p1, p2, t0_s, capacity_pceh, _PROBES, _ROUNDING, falls)
    return _wrong_links(network, falls, "have a time that falls or overflows as the volume grows")


def _turn_problems(network: Network) -> list[str]:
    turns = network.turns
    found = []
    if turns.in_link.size == 0:
        return found
    unknown = ~(np.isin(turns.in_link, network.link_id) & np.isin(turns.out_link, network.link_id))
    if unknown.any():
        found.append(_turns_named(network, unknown, "name a link that does not exist"))
    order = np.argsort(network.link_id)

    def end(ids: IdArray, column: IdArray) -> IdArray:
        return column[order[np.searchsorted(network.link_id[order], ids)]]

    known = np.flatnonzero(~unknown)
    apart = np.zeros(unknown.size, dtype=np.bool_)
    meets = end(turns.in_link[known], network.head) == end(turns.out_link[known], network.tail)
    apart[known] = ~meets
    wrong = ~(np.isfinite(turns.penalty_s) & (turns.penalty_s >= 0.0))
    if apart.any():
        found.append(_turns_named(network, apart, "join links that do not meet"))
    if wrong.any():
        found.append(_turns_named(network, wrong, "need a penalty of 0 s or more"))
    return found


def _turns_named(network: Network, wrong: BoolArray, text: str) -> str:
    turns = network.turns
    rows = sorted(zip(turns.in_link[wrong].tolist(), turns.out_link[wrong].tolist(), strict=True))
    listed = ", ".join(f"{first} to {second}" for first, second in rows[:NAMED])
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{len(rows)} turn rule(s) {text}: {listed}{more}"


def _asset_problems(network: Network) -> list[str]:
    assets = network.link_assets
    found = []
    if assets.link_id.size == 0:
        return found
    unknown = ~np.isin(assets.link_id, network.link_id)
    if unknown.any():
        found.append(f"assets name links that do not exist: {named(assets.link_id[unknown])}")
    wrong = ~((assets.from_m >= 0.0) & (assets.from_m <= assets.to_m))
    if wrong.any():
        listed = named(assets.link_id[wrong])
        found.append(f"assets need from_m <= to_m, both 0 or more, on links {listed}")
    return found
