"""CityJSON 1.1 and 2.0: objects and their surfaces; degenerate ones are listed, not refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.errors import CityError
from twin.exchange.citymodel import CityModel, CityObject, Surface

VERSIONS = ("1.1", "2.0")
DEPTHS = {
    "MultiSurface": 1, "CompositeSurface": 1, "Solid": 2, "MultiSolid": 3, "CompositeSolid": 3,
}  # fmt: skip
"""Lists around a surface, by type of geometry."""
MOST_BYTES = 1024**3


def read_cityjson(path: Path) -> CityModel:
    """Objects and surfaces of a CityJSON file.

    Raises
    ------
    CityError
        If it is not JSON, of another version, or its vertices are no numbers.
    """
    if path.stat().st_size > MOST_BYTES:
        raise CityError(f"{path.name} is larger than 1 GiB; cut it into tiles")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CityError(f"{path.name} is not JSON in UTF-8: {error}; export it again") from None
    if not isinstance(content, dict) or content.get("type") != "CityJSON":
        raise CityError(f"{path.name} is no CityJSON; its type should be 'CityJSON'")
    version = str(content.get("version"))
    if version not in VERSIONS:
        raise CityError(
            f"{path.name} has version {version}; read are {' and '.join(VERSIONS)}; upgrade it"
        )
    return model_of(content, name=path.name)


def model_of(content: Mapping[str, Any], *, name: str) -> CityModel:
    """The model in parsed CityJSON.

    Raises
    ------
    CityError
        If vertices, transform or an index do not fit; names the object.
    """
    model = CityModel(srs_name=str((content.get("metadata") or {}).get("referenceSystem", "")))
    vertices = _vertices(content, name)
    objects = content.get("CityObjects")
    for key, item in objects.items() if isinstance(objects, dict) else ():
        parents = item.get("parents") or [""]
        title = str((item.get("attributes") or {}).get("name", ""))
        model.objects[key] = CityObject(key, str(item.get("type", "")), str(parents[0]), title)
    for key, item in objects.items() if isinstance(objects, dict) else ():
        for geometry in item.get("geometry") or ():
            depth = DEPTHS.get(str(geometry.get("type")))
            if depth is None:
                model.remarks.append(f"{key}: geometry {geometry.get('type')} is not read")
                continue
            owners = _owners(model, key)
            for rings in _surfaces(geometry.get("boundaries") or (), depth):
                corners = _corners(rings, vertices, place=f"{name}: {key}")
                model.surfaces.append(Surface(owners, corners))
                if model.surfaces[-1].is_degenerate:
                    model.remarks.append(
                        f"{key}: a surface has fewer than three distinct corners; left out"
                    )
    return model


def _vertices(content: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    transform = content.get("transform") or {}
    try:
        vertices = np.array(content.get("vertices") or np.zeros((0, 3)), dtype=float).reshape(-1, 3)
        scale = np.array(transform.get("scale", (1.0, 1.0, 1.0)), dtype=float)
        shift = np.array(transform.get("translate", (0.0, 0.0, 0.0)), dtype=float)
        return vertices * scale + shift
    except (TypeError, ValueError):
        raise CityError(
            f"{name}: vertices or transform do not hold three numbers each; export it again"
        ) from None


def _owners(model: CityModel, key: str) -> tuple[str, ...]:
    chain: list[str] = []
    while key in model.objects and key not in chain:
        chain.append(key)
        key = model.objects[key].parent
    return tuple(reversed(chain))


def _surfaces(boundaries: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401 - nested lists of JSON
    for item in boundaries:
        if depth == 1:
            yield item
        elif isinstance(item, list):
            yield from _surfaces(item, depth - 1)


def _corners(
    rings: Any,  # noqa: ANN401 - nested lists of JSON
    vertices: NDArray[np.float64],
    *,
    place: str,
) -> NDArray[np.float64]:
    outer = rings[0] if isinstance(rings, list) and rings else []
    indices = [one for one in outer if isinstance(one, int) and 0 <= one < len(vertices)]
    if len(indices) < len(outer):
        raise CityError(f"{place} names a vertex beyond the {len(vertices)}; export it again")
    return vertices[indices]
