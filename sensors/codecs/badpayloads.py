"""Bad payloads for codecs: the classes of the specification, then seeded damage to good ones. Pure.

F-COD-2: a codec gives an outcome for each of them.
"""

import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

NOW_MS = 1_795_000_000_000
SEED = 20_240_911
DEEP = 10_000
BOMB_BYTES = 1_000_000
SPLINTERS = (b"{", b"]", b'"', b"-", b"1e999", b"\0", b"\xff", b"NaN")

Maker = Callable[[random.Random, int], bytes]


def bad_payloads(originals: Sequence[bytes], count: int, *, seed: int = SEED) -> Iterator[bytes]:
    """Every class of bad payload, then so many damaged copies of good payloads.

    Parameters
    ----------
    originals
        Good payloads of the codec; without any only the classes are given.
    count
        Of the damaged copies.
    seed
        The same seed gives the same payloads.

    Examples
    --------
    >>> len(list(bad_payloads([b'{"v": 1}'], 2000))) > 2000
    True
    """
    chance = random.Random(seed)  # noqa: S311 - a seeded corpus
    yield from CLASSES
    for number, make in enumerate(SYNTAX.values()):
        yield make(chance, number)
    for _ in range(count if originals else 0):
        yield damaged(chance.choice(originals), chance)


def damaged(payload: bytes, chance: random.Random) -> bytes:
    """Payload with one to six wounds: cut, filled, shortened or with a foreign sign."""
    wounded = bytearray(payload)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(wounded) + 1)
        match chance.randrange(4):
            case 0:
                wounded[place:] = b""
            case 1:
                wounded[place:place] = chance.randbytes(chance.randint(1, 8))
            case 2:
                wounded[place : place + chance.randint(1, 20)] = b""
            case _:
                wounded[place : place + 1] = chance.choice(SPLINTERS)
    return bytes(wounded)


def valid(number: int) -> bytes:
    """Readable JSON that no codec was made for, different for every number."""
    return json.dumps({"t": NOW_MS + number, "v": number / 4, "bad": number}).encode()


def _junk(chance: random.Random, number: int) -> bytes:
    """Protobuf-like: field headers, lengths, bytes; never JSON."""
    body = b"".join(
        bytes([chance.choice((0x0A, 0x12, 0x1D, 0x80))]) + chance.randbytes(chance.randrange(9))
        for _ in range(6)
    )
    return b"\x0a" + struct.pack(">I", number) + body + b"\xff"


def _cut(chance: random.Random, number: int) -> bytes:
    whole = valid(number)
    return whole[: chance.randrange(whole.index(b"bad"), len(whole))]


def _inserted(sign: bytes) -> Maker:
    def make(chance: random.Random, number: int) -> bytes:
        whole = valid(number)
        place = chance.randrange(1, len(whole))
        return whole[:place] + sign + whole[place:]

    return make


SYNTAX: Mapping[str, Maker] = MappingProxyType(
    {
        "empty": lambda _, number: b" " * (number % 997),
        "cut": _cut,
        "nested 10,000 deep": lambda _, number: b"[" * DEEP + b"%d" % number + b"]" * DEEP,
        "nested and never closed": lambda _, number: b'{"a":' * 5000 + b"%d" % number,
        "no UTF-8": _inserted(b"\xff"),
        "half a sign": _inserted(b"\xe2\x82"),
        "NUL": _inserted(b"\0"),
        "gzip bomb": lambda _, number: gzip.compress(b"%d" % number + b"0" * BOMB_BYTES, mtime=0),
        "protobuf junk": _junk,
        "two documents": lambda _, number: valid(number) + valid(number + 1),
        "NaN": lambda _, number: b'{"t": %d, "v": NaN}' % number,
        "Infinity": lambda _, number: b'{"t": %d, "v": -Infinity}' % number,
        "single quotes": lambda _, number: b"{'t': %d}" % number,
        "comma at the end": lambda _, number: b'{"t": %d,}' % number,
        "byte order mark of UTF-16": lambda _, number: valid(number).decode().encode("utf-16"),
    }
)
CLASSES = (
    b"", b" ", b"\0" * 100, b"[" * DEEP, b'{"a":' * DEEP, b'"' + b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP, b"NaN", b"-Infinity", b"1e400", b"-1e400", b"9" * 5000,
    b'{"a":1,"a":2}', b'{"t":1,"v":\xff}', b"\xff\xfe\x00", b'"\\ud800"', b'{"\\ud800":1}',
    b'{"v":"\\u0000"}', zlib.compress(b"0" * BOMB_BYTES), b"\x0a\x05\x08\x96\x01\x12\x03abc",
    b"x" * (256 * 1024 + 1), b"[]", b"{}", b"null", b"true", b'"text"', b"[[[1]]]",
    b'{"t":1e308,"v":1}', b'{"t":-1,"v":1}', b'{"t":"0001-01-01T00:00:00+14:00","v":1}',
    b'{"t":"9999-12-31T24:00:00Z","v":1}', b"[" + b"1," * 20_000 + b"1]",
    b"<a>" * DEEP, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\n" * 50_000, b";" * 50_000,
)  # fmt: skip
