"""What interventions of a base may name, and what of a scenario is unknown there.

It needs a few kilobytes instead of the network, so that a mistake is answered at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from twin.model.interventions import Intervention, kinds, suggestion
from twin.model.network import Network
from twin.model.scenarios import Scenario

TARGETS_PART = "targets"
"""Part of a stored base that holds its `TargetNames`, packed."""


@dataclass(frozen=True, slots=True)
class TargetNames:
    """Names and ids of links, assets on links, and zones of a network."""

    links: tuple[str, ...]
    assets: tuple[str, ...]
    zones: tuple[str, ...]


def target_names(network: Network) -> TargetNames:
    """All that may be named of a network: registry names, and ids as text."""
    links = [name for name in network.link_name if name]
    sections = {name.rpartition("/")[0] for name in links}
    zones = [str(node) for node in network.node_id[network.is_zone]]
    if network.node_name:
        named = zip(network.node_name, network.is_zone, strict=True)
        zones += [name for name, is_zone in named if is_zone and name]
    return TargetNames(
        links=(*links, *(str(link) for link in network.link_id)),
        assets=tuple(sorted({*network.link_assets.asset, *sections} - {""})),
        zones=tuple(zones),
    )


def unknown_targets(scenario: Scenario, names: TargetNames) -> tuple[str, ...]:
    """One sentence for each target that this base does not know.

    Examples
    --------
    >>> known = TargetNames(links=("L1/ab", "7"), assets=("B1",), zones=())
    >>> closed = Scenario("x", "today", (Intervention("close_link", ("L1/ba",)),))
    >>> unknown_targets(closed, known)
    ("intervention 1 (close_link): unknown link 'L1/ba'; did you mean 'L1/ab'?",)
    """
    links, assets, zones = set(names.links), set(names.assets), set(names.zones)
    links |= {item.text("name") for item in scenario.interventions if item.kind == "new_link"}
    found: list[str] = []
    for number, item in enumerate(scenario.interventions, 1):
        problems = _unknown(item, links=links, assets=assets, zones=zones)
        found += [f"intervention {number} ({item.kind}): {problem}" for problem in problems]
    return tuple(found)


def _unknown(
    item: Intervention, *, links: set[str], assets: set[str], zones: set[str]
) -> Iterable[str]:
    target = kinds()[item.kind].target
    if target in ("none", "asset") and item.kind == "change_stiffness":
        return
    may_be_link = target in ("link", "link_or_asset", "turn")
    may_be_asset = target in ("asset", "link_or_asset")
    for text in item.targets:
        kind, colon, bare = text.partition(":")
        name = bare if colon and kind in ("link", "asset") else text
        if target == "zone" and text not in zones:
            yield f"unknown zone {text[:100]!r}{suggestion(text, sorted(zones))}"
        known = (links if may_be_link else set()) | (assets if may_be_asset else set())
        if target != "zone" and name not in known:
            words = [w for w, may in (("link", may_be_link), ("asset", may_be_asset)) if may]
            yield f"unknown {' or '.join(words)} {name[:100]!r}{suggestion(name, sorted(known))}"
