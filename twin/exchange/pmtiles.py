"""One file of vector tiles in the container PMTiles, version 3 [1]_.

Header, root directory, metadata, leaf directories and tiles follow each other. Equal input gives
equal bytes: gzip carries no time, tiles stand in the order of their ids, equal tiles once.

References
----------
.. [1] Protomaps, "PMTiles Version 3 Specification", github.com/protomaps/PMTiles, spec/v3.
"""

import gzip
import json
import struct
from collections.abc import Iterable, Mapping, Sequence

from twin.errors import CityError

HEADER_BYTES = 127
ROOT_BYTES = 16_384 - HEADER_BYTES
"""A reader fetches header and root directory with the first 16 KiB."""
LEAF_ENTRIES = 4096
_GZIP, _MVT, _CLUSTERED = 2, 1, 1
_DEGREE = 1e7

Tile = tuple[int, int, int]
Entry = tuple[int, int, int, int]
"""Tile id, offset, length, run length (0: a leaf directory)."""


def tile_id(zoom: int, x: int, y: int) -> int:
    """Number of a tile: tiles of lower zooms, then the place on the Hilbert curve of its zoom.

    Examples
    --------
    >>> [tile_id(0, 0, 0), tile_id(1, 0, 0), tile_id(1, 0, 1), tile_id(1, 1, 1), tile_id(1, 1, 0)]
    [0, 1, 2, 3, 4]
    """
    found, size = (4**zoom - 1) // 3, 1 << zoom
    half = size >> 1
    while half:
        right, low = int(bool(x & half)), int(bool(y & half))
        found += half * half * ((3 * right) ^ low)
        if not low:
            if right:
                x, y = size - 1 - x, size - 1 - y
            x, y = y, x
        half >>= 1
    return found


def pmtiles(
    tiles: Mapping[Tile, bytes], *, bounds: Sequence[float], metadata: Mapping[str, object]
) -> bytes:
    r"""Bytes of the file.

    Parameters
    ----------
    tiles
        Uncompressed vector tiles (MVT) by zoom, column and row, counted from the north-west.
    bounds : (4,)
        West, south, east, north [degree].
    metadata
        Facts for readers: name, attribution, ``vector_layers``.

    Raises
    ------
    CityError
        If there is no tile.

    Examples
    --------
    >>> pmtiles({(0, 0, 0): b""}, bounds=(9, 52, 10, 53), metadata={})[:8]
    b'PMTiles\x03'
    """
    if not tiles:
        raise CityError("there is no tile to write; does the city have roads or water?")
    entries: list[Entry] = []
    placed: dict[bytes, tuple[int, int]] = {}
    body = bytearray()
    for number, tile in sorted((tile_id(*tile), tile) for tile in tiles):
        packed = _zipped(tiles[tile])
        if packed not in placed:
            placed[packed] = (len(body), len(packed))
            body += packed
        entries.append((number, *placed[packed], 1))
    root, leaves = _directories(entries)
    facts = _zipped(json.dumps(metadata, ensure_ascii=False, sort_keys=True).encode())
    zooms = [zoom for zoom, _, _ in tiles]
    west, south, east, north = (round(value * _DEGREE) for value in bounds)
    lengths = (len(root), len(facts), len(leaves), len(body))
    offsets = [HEADER_BYTES + sum(lengths[:at]) for at in range(4)]
    places = [value for pair in zip(offsets, lengths, strict=True) for value in pair]
    header = struct.pack(
        "<7sB11Q6B4iB2i",
        b"PMTiles", 3, *places, len(entries), len(entries), len(placed),
        _CLUSTERED, _GZIP, _GZIP, _MVT, min(zooms), max(zooms),
        west, south, east, north, min(zooms), (west + east) // 2, (south + north) // 2,
    )  # fmt: skip
    return header + root + facts + leaves + bytes(body)


def _directories(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """The root directory, and the leaf directories that it names where it alone is too long."""
    root = _directory(entries)
    size, leaves = LEAF_ENTRIES, b""
    while len(root) > ROOT_BYTES:
        named: list[Entry] = []
        found = bytearray()
        for start in range(0, len(entries), size):
            leaf = _directory(entries[start : start + size])
            named.append((entries[start][0], len(found), len(leaf), 0))
            found += leaf
        root, leaves, size = _directory(named), bytes(found), size * 2
    return root, leaves


def _directory(entries: Sequence[Entry]) -> bytes:
    """Entries column by column: steps of ids, runs, lengths, offsets (0: right behind)."""
    numbers = [number for number, _, _, _ in entries]
    steps = [one - before for one, before in zip(numbers, [0, *numbers], strict=False)]
    places: list[int] = []
    end = None
    for _, offset, length, _ in entries:
        places.append(0 if offset == end else offset + 1)
        end = offset + length
    runs = [run for _, _, _, run in entries]
    lengths = [length for _, _, length, _ in entries]
    return _zipped(_varints([len(entries), *steps, *runs, *lengths, *places]))


def _varints(values: Iterable[int]) -> bytes:
    found = bytearray()
    for value in values:
        rest = value
        while rest > 0x7F:  # noqa: PLR2004 - seven bits a byte
            found.append(rest & 0x7F | 0x80)
            rest >>= 7
        found.append(rest)
    return bytes(found)


def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
