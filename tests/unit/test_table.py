"""Binary tables: what goes in comes out, and damage is named."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashboards.live import table
from dashboards.live.table import decode_table, encode_table
from twin.errors import DecodeError, ModelError

ORIGIN = (13.737, 51.05)
PATHS = [[(13.7371234, 51.0512345), (13.74, 51.06)], [(13.9, 51.2), (13.8, 51.1), (13.7, 51.0)]]
ROADS = encode_table(
    "roads",
    {"id": ["road:1", "Straße"], **table.path_columns(PATHS, ORIGIN)},
    ORIGIN,
    meta={"unit": "km/h"},
)
column_dtypes = st.sampled_from(["u1", "<u2", "<u4", "<i4", "<f4", "<f8"])


def test_container_has_the_layout_of_the_specification() -> None:
    magic, length = struct.unpack_from("<4sI", ROADS)
    assert magic == b"TWT1"
    assert (8 + length) % 8 == 0
    header = json.loads(ROADS[8 : 8 + length])
    assert list(header) == ["name", "n", "origin", "columns", "meta"]
    assert header["n"] == 2
    assert header["origin"] == list(ORIGIN)
    assert all(column["offset"] % 8 == 0 for column in header["columns"])
    xy = next(column for column in header["columns"] if column["name"] == "xy")
    assert (xy["dtype"], xy["size"], xy["length"]) == ("f32", 2, 5 * 2 * 4)


def test_table_survives_the_wire() -> None:
    roads = decode_table(ROADS)
    assert (roads.name, roads.n, roads.origin) == ("roads", 2, ORIGIN)
    assert roads.meta == {"unit": "km/h"}
    assert roads.columns["id"] == ("road:1", "Straße")
    assert list(roads.columns["start"]) == [0, 2, 5]


def test_offsets_keep_three_millimetres_where_absolute_degrees_would_not() -> None:
    roads = decode_table(ROADS)
    degrees = np.asarray(roads.columns["xy"], dtype=np.float64) + ORIGIN
    exact = np.concatenate([np.array(path) for path in PATHS])
    metres = np.abs(degrees - exact) * (70_000, 111_300)
    assert metres.max() < 0.003
    assert float(np.spacing(np.float32(51))) * 111_300 > 0.4


@given(st.dictionaries(st.text(min_size=1, max_size=8), column_dtypes, max_size=5), st.data())
def test_any_columns_survive_the_wire(kinds: dict[str, str], data: st.DataObject) -> None:
    shapes = st.tuples(st.integers(0, 9)) | st.tuples(st.integers(0, 9), st.integers(1, 4))
    columns = {
        name: data.draw(hnp.arrays(np.dtype(kind), shapes))
        for name, kind in kinds.items()
        if not name.endswith(table.START)
    }
    decoded = decode_table(encode_table("any", columns)).columns
    assert set(decoded) == set(columns)
    for name, array in columns.items():
        back = np.asarray(decoded[name])
        assert back.tobytes() == array.tobytes()
        assert back.size == array.size


@given(st.lists(st.text(max_size=20), max_size=20))
def test_any_texts_survive_the_wire(texts: list[str]) -> None:
    decoded = decode_table(encode_table("texts", {"id": texts}))
    assert decoded.columns["id"] == tuple(texts)
    assert decoded.n == len(texts)


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_give_a_table_or_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError, match="fuzz"):
        decode_table(data, source="fuzz")
    with pytest.raises(DecodeError):
        decode_table(b"TWT1" + data, source="fuzz")


@given(st.integers(0, len(ROADS) - 1), st.integers(0, 255))
def test_any_damaged_byte_gives_a_table_or_a_decode_error(place: int, value: int) -> None:
    data = bytearray(ROADS)
    data[place] = value
    try:
        decoded = decode_table(bytes(data), source="damaged")
    except DecodeError:
        return
    assert len(decoded.columns) > 0


@given(st.integers(0, len(ROADS) - 1))
def test_any_truncated_table_is_refused(length: int) -> None:
    # Only the padding after the last column may be missing.
    roads = decode_table(ROADS)
    if ROADS[length:].strip(b"\0"):
        with pytest.raises(DecodeError, match=r"roads|short"):
            decode_table(ROADS[:length], source="short")
    assert roads.n == 2


def with_header(**changes: object) -> bytes:
    length = struct.unpack_from("<4sI", ROADS)[1]
    header = json.loads(ROADS[8 : 8 + length]) | changes
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 8)
    return struct.pack("<4sI", b"TWT1", len(text)) + text + ROADS[8 + length :]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"offset": 4}, "not at a multiple of 8"),
        ({"offset": 8000}, "outside the body"),
        ({"offset": -8}, "bad dtype, size, offset or length"),
        ({"length": 10**12}, "outside the body"),
        ({"length": 7}, "ends within a row"),
        ({"size": 0}, "bad dtype, size, offset or length"),
        ({"dtype": "f16"}, "bad dtype, size, offset or length"),
        ({"name": 7}, "column without a name"),
    ],
)
def test_damaged_column_is_refused_with_the_name_of_the_table(
    column: dict[str, object], reason: str
) -> None:
    entry = {"name": "xy", "dtype": "f32", "size": 2, "offset": 0, "length": 8} | column
    with pytest.raises(DecodeError, match=f"roads.*{reason}"):
        decode_table(with_header(columns=[entry]))


def test_starts_that_do_not_cover_the_text_are_refused() -> None:
    columns = {"id": np.frombuffer(b"abc", np.uint8), "id.start": np.array([0, 2], np.uint32)}
    with pytest.raises(DecodeError, match="id has starts that do not cover"):
        decode_table(encode_table("names", columns))


@pytest.mark.parametrize("origin", [[1], [1, 2, 3], ["a", 2], [1e9, 0], 7])
def test_damaged_origin_is_refused(origin: object) -> None:
    with pytest.raises(DecodeError, match="origin must be longitude and latitude"):
        decode_table(with_header(origin=origin))


def test_column_of_another_type_is_refused_when_encoding() -> None:
    with pytest.raises(ModelError, match="column count has dtype int64"):
        encode_table("roads", {"count": np.array([1])})


def test_version_is_the_start_of_the_hash_and_changes_with_the_row_order() -> None:
    version = table.table_version(ROADS)
    assert len(version) == 16
    assert int(version, 16) >= 0
    turned = encode_table(
        "roads", {"id": ["Straße", "road:1"], **table.path_columns(PATHS[::-1], ORIGIN)}, ORIGIN
    )
    assert table.table_version(turned) != version


def test_ten_thousand_short_paths_take_about_360_kilobytes() -> None:
    paths = np.zeros((10_000, 4, 2)) + ORIGIN
    columns = table.path_columns(list(paths), ORIGIN)
    assert len(encode_table("roads", columns, ORIGIN)) == pytest.approx(360_000, rel=0.01)


def test_polygons_come_out_closed_and_clockwise() -> None:
    square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    columns = table.polygon_columns([square, square[::-1]], (0.0, 0.0), height_m=[3.0, 4.0])
    assert columns["start"].tolist() == [0, 5, 10]
    for ring in columns["xy"].reshape(2, 5, 2):
        x, y = np.asarray(ring, dtype=float).T
        assert (x[0], y[0]) == (x[-1], y[-1])
        assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) < 0


def test_coordinate_that_is_no_number_is_refused_with_its_row() -> None:
    with pytest.raises(ModelError, match="row 1"):
        table.path_columns([PATHS[0], [(0.0, float("nan"))]], ORIGIN)
