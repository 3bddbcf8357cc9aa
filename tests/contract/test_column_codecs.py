"""What a codec reads many messages at a time is what it reads one by one."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from contract import golden
from contract.test_codecs import JSON, bad_payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codecs.columns import NO_SEQUENCE, ColumnCodec
from twin.model.messages import CodecContext, CodecRule, Limits, Message, Observation
from twin.model.times import to_us
from twin.plugins import find

RECEIVED = datetime(2026, 6, 15, 8, 0, 3, tzinfo=UTC)
TOPICS = {"own": "twin/v1/t/BW-0001/pegel/obs", "senml": "senml/nord"}
Row = tuple[str, str, int, str, int, int]


def column_codecs() -> list[str]:
    return [name for name in sorted(find("codecs")) if hasattr(codec(name), "decode_columns")]


def codec(name: str) -> ColumnCodec:
    return golden.codec_named(name)  # pyrefly: ignore[bad-return] - those with columns only


def context(name: str) -> CodecContext:
    return CodecContext(CodecRule(topic="t", codec=name, source="test"))


def alone(name: str, payload: bytes) -> tuple[list[Row], int]:
    """Rows of one payload as `decode` gives them, and how much else it gives."""
    message = Message(TOPICS[name], payload, RECEIVED)
    outcome = codec(name).decode(message, context(name))
    rows = [
        (
            item.route_key,
            item.unit,
            to_us(item.phenomenon_time),
            item.value.hex(),  # tells -0 from 0
            item.quality,
            NO_SEQUENCE if item.sequence is None else item.sequence,
        )
        for item in outcome.items
        if isinstance(item, Observation)
    ]
    others = len(outcome.items) - len(rows)
    return rows, others + outcome.missing + outcome.ignored + outcome.unassigned


def together(name: str, payloads: list[bytes]) -> Iterator[tuple[bytes, list[Row]]]:
    """Payloads that were read at once, and their rows."""
    topic_key = codec(name).topic_key(TOPICS[name], context(name))
    assert topic_key is not None
    columns = codec(name).decode_columns(payloads, Limits())
    assert columns.message == sorted(columns.message)
    assert not set(columns.left) & set(columns.message)
    assert len(columns.message) == len(columns.time_us) == len(columns.value)
    assert len(columns.sequence) == len(columns.value)
    rows: dict[int, list[Row]] = {}
    for at, message in enumerate(columns.message):
        key, unit = columns.key[at] if columns.key else (topic_key, "")
        assert type(columns.value[at]) is float
        row = (
            key,
            unit,
            columns.time_us[at],
            columns.value[at].hex(),
            columns.quality.get(at, 0),
            columns.sequence[at],
        )
        rows.setdefault(message, []).append(row)
    for number, payload in enumerate(payloads):
        if number not in columns.left:
            yield payload, rows.get(number, [])


def assert_the_same(name: str, payloads: list[bytes]) -> int:
    """Compare both ways; how many payloads were read at once."""
    count = 0
    for payload, rows in together(name, payloads):
        count += 1
        assert (rows, 0) == alone(name, payload), payload
    return count


TIMES = st.one_of(
    st.integers(-10, 10**18).map(str),
    st.sampled_from(["0", "-0", "1e3", "1.5", "true", "null", "253402300799000", "9" * 39]),
    st.datetimes().map(lambda time: f'"{time.isoformat()}Z"'),
    st.datetimes().map(lambda time: f'"{time.isoformat(timespec="seconds")}+00:00"'),
    st.sampled_from(
        ['"2026-02-29T00:00:00Z"', '"2024-02-29T00:00:00Z"', '"2026-06-15T24:00:00Z"',
         '"2026-06-31T00:00:00Z"', '"2026-06-15T08:00:60Z"', '"2026-06-15T08:00Z"',
         '"2026-06-15T08:00:00.1234567Z"', '"2026-06-15T08:00:00.5+02:00"', '"soon"',
         '"2026-06-15 08:00:00Z"', '"0999-06-15T08:00:00Z"', '"2026-06-15T08:00:00z"']
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["-0", "-0.0", "0.0", "1e400", "-1e400", "1E5", "1e+5", "1e-400", "01", "+1", ".5", "1.",
         "NaN", "Infinity", "-", "9" * 41, "9" * 29 + "e99", "0x1", "true", "null", '"1"']
    ),
)  # fmt: skip
BLANKS = st.sampled_from(["", " ", "  ", "\n", "     ", "\t"])
SEQUENCES = st.one_of(
    st.integers(0, 10**20).map(str), st.sampled_from(["-1", "007", "1.0", "null", "true"])
)
FLAGS = st.sampled_from(
    ['["suspect"]', "[]", '["late", "suspect"]', '["simulated"]', '["nobody"]', '["late"', "[1]"]
)


@st.composite
def own_objects(draw: st.DrawFn) -> str:
    fields = [f'"t"{draw(BLANKS)}:{draw(BLANKS)}{draw(TIMES)}', f'"v":{draw(NUMBERS)}']
    if draw(st.booleans()):
        fields.append(f'"seq":{draw(BLANKS)}{draw(SEQUENCES)}')
    if draw(st.integers(0, 3)) == 0:
        fields.append(f'"q":{draw(FLAGS)}')
    if draw(st.integers(0, 5)) == 0:
        fields.append(draw(st.sampled_from(['"v":1', '"t":1', '"x":1', '"x":{}', '"x":"y"'])))
    if draw(st.integers(0, 5)) == 0:
        fields = draw(st.permutations(fields))
    return "{" + f"{draw(BLANKS)},{draw(BLANKS)}".join(fields) + draw(BLANKS) + "}"


OWN = st.one_of(
    own_objects(),
    st.lists(own_objects(), max_size=4).map(lambda items: f"[{', '.join(items)}]"),
).map(str.encode)

BASES = st.sampled_from(['"bn":"dev:"', '"bt":1781510400', '"bu":"Cel"', '"bv":2', '"bver":10'])


@st.composite
def senml_records(draw: st.DrawFn) -> str:
    fields = [draw(BASES)] if draw(st.booleans()) else []
    if draw(st.integers(0, 3)):
        fields.append(draw(st.sampled_from(['"n":"temp"', '"n":"a b"', '"n":""', '"n":1'])))
    if draw(st.booleans()):
        fields.append(draw(st.sampled_from(['"u":"Cel"', '"u":"lat"', '"u":"%RH"', '"u":3'])))
    if draw(st.booleans()):
        fields.append(f'"t":{draw(NUMBERS)}')
    if draw(st.integers(0, 3)):
        fields.append(f'"v":{draw(NUMBERS)}')
    if draw(st.integers(0, 5)) == 0:
        extra = [
            '"vs":"x"',
            '"vb":true',
            '"s":1',
            '"ut":5',
            '"x_":1',
            '"x":7',
            '"v":1',
            '"bver":11',
        ]
        fields.append(draw(st.sampled_from(extra)))
    return "{" + ",".join(fields) + "}"


SENML = st.lists(senml_records(), max_size=5).map(lambda items: f"[{','.join(items)}]".encode())
PAYLOADS = {"own": OWN, "senml": SENML}


@pytest.mark.parametrize("name", column_codecs())
def test_every_codec_with_columns_is_tested_here(name: str) -> None:
    assert name in PAYLOADS


@pytest.mark.parametrize("name", column_codecs())
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_payloads_near_the_plain_form_are_read_alike(name: str, data: st.DataObject) -> None:
    assert_the_same(name, data.draw(st.lists(PAYLOADS[name], max_size=6)))


@pytest.mark.parametrize("name", column_codecs())
@settings(max_examples=100, deadline=None)
@given(document=JSON, raw=st.binary(max_size=200))
def test_any_json_and_any_bytes_are_read_alike(name: str, document: object, raw: bytes) -> None:
    assert_the_same(name, [json.dumps(document).encode(), raw, json.dumps([document]).encode()])


@pytest.mark.parametrize("name", column_codecs())
def test_bad_payloads_are_read_alike(name: str) -> None:
    assert_the_same(name, list(bad_payloads(1000)))


def test_the_plain_forms_of_own_readings_are_read_at_once() -> None:
    plain = [
        b'{"t":1781510400000,"v":21.5}',
        b'{"t":1781510400000,"v":-21,"seq":17}',
        b'{"t": "2026-06-15T08:00:00Z", "v": 2.5e-3, "q": ["suspect"]}',
        b'{ "t" : "2026-06-15T08:00:00.123456+00:00" , "v" : 0 , "seq" : 0 }',
        b'[{"t":1781510400000,"v":1.5,"seq":1},{"t":1781510401000,"v":2}]',
        json.dumps([{"t": "2026-06-15T08:00:00Z", "v": -0.0}] * 1000).encode(),
    ]
    assert assert_the_same("own", plain) == len(plain)


def test_numbers_are_read_to_the_last_bit() -> None:
    values = [0.1, 1 / 3, 5e-324, math.pi * 1e30, 123456789.123456789]
    assert assert_the_same("own", [b'{"t":1,"v":%r}' % value for value in values]) >= 3
