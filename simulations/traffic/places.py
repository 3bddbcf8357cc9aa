"""Finding links, assets, nodes and zones by the names that people use."""

from collections.abc import Sequence

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from twin.model.interventions import suggestion
from twin.model.network import Network

_COMPASS = ("e", "ne", "n", "nw", "w", "sw", "s", "se")
_ACROSS = 0.2
"""Cosine below which a compass point lies across a road: 78 to 102 degrees."""


class Places:
    """Names and ids of a network; ``problems`` collects what was not found.

    Parameters
    ----------
    network : Network

    Examples
    --------
    >>> from simulations.traffic.places import compass_vector
    >>> compass_vector("n").round(3).tolist()
    [0.0, 1.0]
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.link_row = {str(i): row for row, i in enumerate(network.link_id)}
        self.link_row |= {name: row for row, name in enumerate(network.link_name) if name}
        self._node_id = {str(i): int(i) for i in network.node_id}
        names = zip(network.node_name, network.node_id, strict=False)
        self._node_id |= {name: int(i) for name, i in names if name}
        self._asset_links: dict[str, list[int]] = {}
        by_id = {int(i): row for row, i in enumerate(network.link_id)}
        assets = network.link_assets
        for asset, link in zip(assets.asset, assets.link_id, strict=True):
            if int(link) in by_id:
                self._asset_links.setdefault(asset, []).append(by_id[int(link)])
        for row, name in enumerate(network.link_name):
            section, slash, _ = name.rpartition("/")
            if slash and section:
                self._asset_links.setdefault(section, []).append(row)

    def links(
        self, targets: Sequence[str], *, assets: bool, links: bool
    ) -> tuple[IdArray, list[str]]:
        """Rows of the links that targets name, and a sentence for each that is unknown.

        Parameters
        ----------
        targets
            Names or ids, also as ``link:...`` or ``asset:...``.
        assets, links
            What may be named.

        Returns
        -------
        (rows,) sorted and unique, and the problems.
        """
        found: list[int] = []
        problems: list[str] = []
        for target in targets:
            kind, colon, bare = target.partition(":")
            name = bare if colon and kind in ("link", "asset") else target
            as_link = links and kind != "asset" and name in self.link_row
            as_asset = assets and kind != "link" and name in self._asset_links
            if as_link and as_asset:
                problems.append(
                    f"{name!r} is a link and an asset; write 'link:{name}' or 'asset:{name}'"
                )
            elif as_link:
                found.append(self.link_row[name])
            elif as_asset:
                found += self._asset_links[name]
            else:
                problems.append(self._unknown(name, assets=assets, links=links))
        return np.unique(np.array(found, dtype=np.int64)), problems

    def _unknown(self, name: str, *, assets: bool, links: bool) -> str:
        what = " or ".join(
            word for word, wanted in (("link", links), ("asset on the network", assets)) if wanted
        )
        if links and not assets and name in self._asset_links:
            return f"{name!r} is an asset with links; use close_asset or name one of its links"
        known = [*(self.link_row if links else ()), *(self._asset_links if assets else ())]
        return f"unknown {what} {name[:100]!r}{suggestion(name, known)}"

    def node(self, name: str) -> tuple[int, list[str]]:
        """Id of the node with this name or id, and the problem if there is none."""
        if name in self._node_id:
            return self._node_id[name], []
        return -1, [f"unknown node {name[:100]!r}{suggestion(name, self._node_id)}"]

    def zones(self, names: Sequence[str]) -> tuple[IdArray, list[str]]:
        """Node ids of zones, and a sentence for each name that is none."""
        zone = set(self._network.node_id[self._network.is_zone].tolist())
        found: list[int] = []
        problems: list[str] = []
        for name in names:
            if self._node_id.get(name) in zone:
                found.append(self._node_id[name])
            else:
                known = [key for key, value in self._node_id.items() if value in zone]
                problems.append(f"unknown zone {name[:100]!r}{suggestion(name, known)}")
        return np.unique(np.array(found, dtype=np.int64)), problems

    def add_link(self, name: str, row: int) -> bool:
        """Make a new link known; False if the name is taken."""
        if not self.is_free(name):
            return False
        self.link_row[name] = row
        return True

    def is_free(self, name: str) -> bool:
        """Whether neither a link nor an asset has this name."""
        return name not in self.link_row and name not in self._asset_links


def compass_vector(point: str) -> FloatArray:
    """Unit vector (east, north) of a compass point such as ``ne``."""
    angle = np.pi / 4.0 * _COMPASS.index(point)
    return np.array([np.cos(angle), np.sin(angle)])


def compass_point(vector: FloatArray) -> str:
    """Compass point that a vector (east, north) heads to; empty for no heading.

    Examples
    --------
    >>> compass_point(np.array([1.0, 0.9]))
    'ne'
    """
    if not np.any(vector):
        return ""
    sector = round(float(np.arctan2(vector[1], vector[0])) / (np.pi / 4.0))
    return _COMPASS[sector % len(_COMPASS)]


def axis(network: Network, rows: IdArray) -> tuple[FloatArray, BoolArray]:
    """Common axis of links and which of them run along it; the others run against it.

    The axis is the mean of doubled angles, so that both directions of a road agree on it.

    Parameters
    ----------
    network : Network
    rows : (rows,)
        Rows of its links.

    Returns
    -------
    Unit vector (east, north), zero if the links have no heading, and (rows,).
    """
    order = np.argsort(network.node_id, kind="stable")
    tail, head = (
        order[np.searchsorted(network.node_id, end[rows], sorter=order)]
        for end in (network.tail, network.head)
    )
    course = (network.x_m[head] - network.x_m[tail]) + 1j * (network.y_m[head] - network.y_m[tail])
    length = np.abs(course)
    doubled = np.sum(np.divide(course**2, length, out=np.zeros_like(course), where=length > 0.0))
    if not np.isfinite(doubled) or np.abs(doubled) <= 1e-9 * np.sum(length):
        return np.zeros(2), np.ones(rows.size, dtype=np.bool_)
    half = np.sqrt(doubled / np.abs(doubled))
    return np.array([half.real, half.imag]), (course * np.conj(half)).real >= 0.0


def heading_to(network: Network, rows: IdArray, point: str) -> tuple[IdArray, list[str]]:
    """Those of some links that head to a compass point along their common axis.

    Returns
    -------
    Rows, and a problem if the point lies across the axis or no link heads there.
    """
    unit, along = axis(network, rows)
    share = float(unit @ compass_vector(point))
    if not np.any(unit):
        return rows[:0], ["its links have no common heading; close its links by name instead"]
    if abs(share) < _ACROSS:
        runs = f"{compass_point(unit)} and {compass_point(-unit)}"
        return rows[:0], [f"direction {point!r} lies across it; it runs {runs}"]
    chosen = rows[along] if share > 0.0 else rows[~along]
    if chosen.size == 0:
        return chosen, [f"no link on it heads to {point!r}; it is one way"]
    return chosen, []
