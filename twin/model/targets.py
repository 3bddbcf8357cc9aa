"""What interventions of a base may name, and what of a scenario is unknown there.

It needs a few kilobytes instead of the network, so that a mistake is answered at once.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from twin.model.interventions import Intervention, kinds, suggestion
from twin.model.network import Network
from twin.model.scenarios import MOST_PROBLEMS, Scenario
from twin.model.tables import rows
from twin.model.traffic import VehicleClass

TARGETS_PART = "targets"
"""Part of a stored base that holds its `TargetNames`, packed."""
MOST_HINTS = 5
"""Unknown names for which a similar one is looked for: that takes long in a large network."""


@dataclass(frozen=True, slots=True)
class TargetNames:
    """Names and ids of links, assets on links, zones, nodes and vehicle classes of a network.

    A base that was stored before nodes and classes were kept has none; then all are taken.
    """

    links: tuple[str, ...]
    assets: tuple[str, ...]
    zones: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def target_names(network: Network, classes: Iterable[VehicleClass] = ()) -> TargetNames:
    """All that may be named of a network: registry names, and ids as text."""
    links = [name for name in network.link_name if name]
    sections = {name.rpartition("/")[0] for name in links}
    zones = [str(node) for node in network.node_id[network.is_zone]]
    if network.node_name:
        named = zip(network.node_name, network.is_zone, strict=True)
        zones += [name for name, is_zone in named if is_zone and name]
    named_classes = [item.name for item in classes]
    defaults = [row["key"] for row in rows("vehicle_classes")] if named_classes else []
    return TargetNames(
        links=(*links, *(str(link) for link in network.link_id)),
        assets=tuple(sorted({*network.link_assets.asset, *sections} - {""})),
        zones=tuple(zones),
        nodes=(*(name for name in network.node_name if name), *map(str, network.node_id)),
        classes=tuple(dict.fromkeys((*named_classes, *defaults))),
    )


def unknown_targets(scenario: Scenario, names: TargetNames) -> tuple[str, ...]:
    """One sentence for each name that this base does not know, and how many more there are.

    Examples
    --------
    >>> known = TargetNames(links=("L1/ab", "7"), assets=("B1",), zones=())
    >>> closed = Scenario("x", "today", (Intervention("close_link", ("L1/ba",)),))
    >>> unknown_targets(closed, known)
    ("intervention 1 (close_link): unknown link 'L1/ba'; did you mean 'L1/ab'?",)
    """
    known = _Known(scenario, names)
    said: list[str] = []
    count = 0
    for number, item in enumerate(scenario.interventions, 1):
        for words, name in known.unknown_of(item):
            count += 1
            if count <= MOST_PROBLEMS:
                hint = known.hint(words, name) if count <= MOST_HINTS else ""
                said.append(
                    f"intervention {number} ({item.kind}): unknown {words} {name[:100]!r}{hint}"
                )
    return (*said, f"and {count - MOST_PROBLEMS} more") if count > MOST_PROBLEMS else tuple(said)


def without_effect(scenario: Scenario, *, on_bridges: bool = False) -> tuple[str, ...]:
    """Why a scenario surely changes nothing, whatever its base; empty if it may.

    ``on_bridges`` counts what concerns bridges alone; without it only traffic counts.

    Examples
    --------
    >>> without_effect(Scenario("x", "today"))
    ('no effect: the scenario has no intervention; ask for the base instead',)
    """
    if not scenario.interventions:
        return ("no effect: the scenario has no intervention; ask for the base instead",)
    active = [item for item in scenario.interventions if item.is_valid(scenario.at)]
    if not active:
        return ("no effect: no intervention is valid then; choose another time or validity",)
    if not on_bridges and all(kinds()[item.kind].acts_on == "bridge" for item in active):
        return ("no effect on the traffic: all interventions concern bridges only",)
    return ()


class _Known:
    """What may be named, by the words for it."""

    def __init__(self, scenario: Scenario, names: TargetNames) -> None:
        new = {item.text("name") for item in scenario.interventions if item.kind == "new_link"}
        links, assets = {*names.links, *new}, set(names.assets)
        self._names: dict[str, AbstractSet[str]] = {
            "link": links,
            "asset": assets,
            "link or asset": links | assets,
            "zone": set(names.zones),
            "node": set(names.nodes),
            "vehicle class": set(names.classes),
            "road class": {row["key"] for row in rows("road_classes")},
        }

    def hint(self, words: str, name: str) -> str:
        """The name that was probably meant."""
        return suggestion(name, sorted(self._names[words]))

    def unknown_of(self, item: Intervention) -> Iterable[tuple[str, str]]:
        """Each name of an intervention that is unknown, behind the words for it."""
        for words, name in _named(item):
            known = self._names[words]
            if name not in known and (known or words not in ("node", "vehicle class")):
                yield words, name


_ON_ANY_BRIDGE = ("change_stiffness", "inspection_cycle", "monitoring")
"""Kinds whose bridges need no link of the network."""
_TARGET_WORDS = {
    "link": "link",
    "turn": "link",
    "asset": "asset",
    "link_or_asset": "link or asset",
    "zone": "zone",
}


def _named(item: Intervention) -> Iterable[tuple[str, str]]:
    """All that an intervention names, each behind the words for it."""
    kind = kinds()[item.kind]
    words = _TARGET_WORDS.get(kind.target)
    for text in item.targets if words and item.kind not in _ON_ANY_BRIDGE else ():
        prefix, colon, bare = text.partition(":")
        is_prefixed = bool(colon) and prefix in ("link", "asset") and words != "zone"
        yield str(words), bare if is_prefixed else text
    for name, parameter in kind.parameters.items():
        if parameter.type in ("classes", "zones"):
            word = "vehicle class" if parameter.type == "classes" else "zone"
            yield from ((word, text) for text in item.names(name))
    if item.kind == "new_link":
        yield from (("node", item.text(name)) for name in ("from_node", "to_node"))
        yield "road class", item.text("road_class")
