"""A town as an OSM extract for measurements: streets, paths, bridges, water and buildings, seeded.

Every road, name and place in it is drawn at random; no real place is meant.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium
from osmium.osm.mutable import Node, Way

WEST, SOUTH = 13.0, 51.0
STEP_DEG = 0.0012
HIGHEST_ID = 12_500_000_000
KINDS = ("primary", "secondary", "tertiary", "unclassified", "residential", "service", "footway")


class _Town:
    """Nodes and ways of a grid of streets that is bent and thinned out."""

    def __init__(self, side: int, *, buildings: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.side = side
        self.x: list[np.ndarray] = []
        self.ways: list[tuple[list[int], dict[str, str]]] = []
        self.count = 0
        rows, columns = np.divmod(np.arange(side * side), side)
        jitter = self.random.normal(0.0, 0.18 * STEP_DEG, (side * side, 2))
        self.crossings = np.column_stack((columns, rows)) * STEP_DEG + jitter
        self._add(self.crossings)
        self._streets()
        self._paths(side * side // 2)
        self._river()
        self._buildings(buildings)

    def _add(self, places: np.ndarray) -> list[int]:
        first = self.count
        self.x.append(places)
        self.count += len(places)
        return list(range(first, self.count))

    def _between(self, a: int, b: int) -> list[int]:
        """Nodes that bend the street from one crossing to another."""
        count = int(self.random.integers(0, 5))
        if count == 0:
            return []
        share = np.linspace(0.0, 1.0, count + 2)[1:-1, None]
        line = (1.0 - share) * self.crossings[a] + share * self.crossings[b]
        return self._add(line + self.random.normal(0.0, 0.02 * STEP_DEG, line.shape))

    def _streets(self) -> None:
        side = self.side
        for direction in (0, 1):
            for lane in range(side):
                line = [
                    lane * side + place if direction == 0 else place * side + lane
                    for place in range(side)
                ]
                place = 0
                while place < side - 1:
                    last = min(place + int(self.random.integers(1, 5)), side - 1)
                    self._street(line[place : last + 1], lane)
                    place = last

    def _street(self, line: Sequence[int], lane: int) -> None:
        nodes = [line[0]]
        for a, b in pairwise(line):
            nodes += [*self._between(a, b), b]
        self.ways.append((nodes, self._tags(lane)))

    def _tags(self, lane: int) -> dict[str, str]:
        random = self.random
        kind = "primary" if lane % 25 == 0 else "secondary" if lane % 10 == 0 else ""
        kind = kind or str(random.choice(["tertiary", "residential", "residential"]))
        tags = {"highway": kind, "surface": "asphalt"}
        if random.random() < 0.8:
            tags["name"] = f"Street {lane} {int(random.integers(0, 900))}"
        if random.random() < 0.6:
            tags["maxspeed"] = str(random.choice(["50", "30", "30", "DE:urban", "70", "20 mph"]))
        if random.random() < 0.3:
            tags["lanes"] = str(random.choice(["1", "2", "3", "4"]))
        if random.random() < 0.12:
            tags["oneway"] = str(random.choice(["yes", "yes", "-1"]))
        if random.random() < 0.02:
            tags |= {"bridge": "yes", "layer": "1", "maxweight": "16"}
        if random.random() < 0.5:
            tags |= {"lit": "yes", "sidewalk": "both"}
        return tags

    def _paths(self, count: int) -> None:
        for start in self.random.integers(0, self.side * self.side - self.side - 1, count).tolist():
            nodes = [start, *self._between(start, start + self.side + 1)]
            kind = str(self.random.choice(["footway", "footway", "path", "service", "cycleway"]))
            if len(nodes) > 1:
                self.ways.append((nodes, {"highway": kind}))

    def _river(self) -> None:
        along = np.linspace(0.0, self.side * STEP_DEG, 400)
        place = np.column_stack((along, 0.01 * np.sin(along * 90.0) + self.side * STEP_DEG / 2))
        self.ways.append((self._add(place), {"waterway": "river", "name": "Long River"}))

    def _buildings(self, count: int) -> None:
        corner = self.random.random((count, 2)) * self.side * STEP_DEG
        size = self.random.uniform(1e-4, 2e-4, (count, 2))
        for (x, y), (width, height) in zip(corner.tolist(), size.tolist(), strict=True):
            box = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
            nodes = self._add(box)
            self.ways.append(([*nodes, nodes[0]], {"building": "yes"}))

    def places(self) -> np.ndarray:
        return np.vstack(self.x) + np.array([WEST, SOUTH])


def write_town(path: Path, *, side: int, buildings: int, seed: int = 1) -> None:
    """Write a town of ``side`` by ``side`` crossings; ids are as high as those of today's map."""
    town = _Town(side, buildings=buildings, seed=seed)
    random = np.random.default_rng(seed + 1)
    ids = np.sort(random.choice(HIGHEST_ID // 4, town.count, replace=False)) * 4 + 1
    order = np.argsort(ids)
    places = town.places()
    writer = osmium.SimpleWriter(str(path), overwrite=True)
    try:
        for row in order.tolist():
            writer.add_node(Node(id=int(ids[row]), location=tuple(places[row].tolist())))
        for way in _numbered(town, ids):
            writer.add_way(way)
    finally:
        writer.close()


def _numbered(town: _Town, ids: np.ndarray) -> Iterator[Way]:
    for number, (nodes, tags) in enumerate(town.ways, start=1000):
        yield Way(id=number * 7, nodes=ids[nodes].tolist(), tags=tags)
