"""PostgreSQL's binary formats, byte for byte."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from psycopg.adapt import PyFormat, Transformer

from twin.errors import StoreError
from twin.model.observations import Readings
from twin.store.postgres.binary import (
    HEADER,
    TRAILER,
    ArrayDumper,
    array_type,
    decode_rows,
    encode_column,
    encode_readings,
    encode_texts,
    encode_values,
)

# 2026-11-22T00:00:00Z
TIME_US = 1_795_305_600_000_000


def readings(number: object, time_us: object, value: object, quality: object) -> Readings:
    return Readings(
        number=np.asarray(number, np.int32),
        time_us=np.asarray(time_us, np.int64),
        value=np.asarray(value, np.float64),
        quality=np.asarray(quality, np.int16),
    )


def test_one_reading_is_the_forty_bytes_of_the_specification() -> None:
    stream = encode_readings(readings([7], [TIME_US], [21.5], [1]))
    assert stream == b"PGCOPY\n\xff\r\n\0" + bytes(8) + bytes.fromhex(
        "0004 00000008 000303d0ed554000 00000008 4035800000000000 00000004 00000007 00000002 0001"
        "ffff"
    )


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**60), 2**60),
            st.floats(allow_nan=False),
            st.integers(-(2**15), 2**15 - 1),
        )
    )
)
def test_what_is_encoded_is_decoded_again(rows: list[tuple[int, int, float, int]]) -> None:
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    found = decode_rows(encode_readings(readings(*columns)), ("t", "v", "ds", "q"))
    assert found["ds"].tolist() == list(columns[0])
    assert found["t"].tolist() == list(columns[1])
    assert found["v"].tolist() == list(columns[2])
    assert found["q"].tolist() == list(columns[3])


@pytest.mark.parametrize(
    "stream", [HEADER, b"nonsense" * 9, HEADER + b"12345" + TRAILER, b"\0" * 60]
)
def test_other_bytes_are_refused(stream: bytes) -> None:
    with pytest.raises(StoreError, match=f"{len(stream)} bytes"):
        decode_rows(stream, ("t", "v", "q"))


@given(hnp.arrays(np.float64, st.integers(0, 20)))
def test_arrays_carry_their_length_and_every_bit(array: np.ndarray) -> None:
    dumped = bytes(ArrayDumper(np.ndarray).dump(array))
    assert len(dumped) == (20 + 12 * len(array) if len(array) else 12)
    if len(array):
        body = np.frombuffer(dumped, [("size", ">i4"), ("value", ">f8")], offset=20)
        assert body["value"].astype("=f8").tobytes() == array.tobytes()
        assert math.isclose(body["size"].mean(), 8.0)


@pytest.mark.parametrize("kind", ["i2", "i4", "i8", "f4", "f8", "M8[us]"])
def test_a_few_values_are_encoded_as_a_column_of_them(kind: str) -> None:
    for values in ([], [0], [TIME_US] if kind in ("i8", "M8[us]") else [-7, 12_345]):
        column = np.array(values, kind)
        assert encode_values(kind, values) == encode_column(column)
        dumper = ArrayDumper(np.ndarray).upgrade(column, PyFormat.BINARY)
        assert (dumper.oid, dumper.dump(column)) == (array_type(kind), encode_column(column))


@pytest.mark.parametrize("texts", [["one"], ["", "Brücke", "a,b"]])
def test_texts_are_encoded_as_psycopg_does(texts: list[str]) -> None:
    (dumped,) = Transformer().dump_sequence([texts], [PyFormat.BINARY])
    assert encode_texts(texts) == bytes(dumped or b"")
