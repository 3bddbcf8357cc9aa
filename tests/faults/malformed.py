"""A seeded corpus of malformed messages for every codec and for topics; each has one fault.

What a broker refuses itself (topics with NUL, invalid UTF-8 or 65,535 bytes, 10 MB) is apart: it
is injected behind the broker.
"""

import json
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from sensors.codecs.badpayloads import NOW_MS, SYNTAX, Maker, valid

RULES = """
[[codec.rule]]
topic = "twin/yard/{site}"
codec = "json"
source = "yard"
key = "{site}"
time = { path = "/t", unit = "ms" }
[[codec.rule.value]]
path = "/temp"
quantity = "air_temperature"
unit = "Cel"
required = true
[[codec.rule]]
topic = "twin/ttn/{application}/devices/{device}/up"
codec = "ttn"
source = "ttn"
[[codec.rule]]
topic = "twin/chirpstack/{application}/device/{device}/event/up"
codec = "chirpstack"
source = "chirpstack"
[[codec.rule]]
topic = "twin/senml/{gateway}"
codec = "senml"
source = "senml"
"""
TOPICS = {
    "own": "twin/v1/demo/B1/s{n:03}/obs",
    "wave": "twin/v1/demo/B1/acc/wave",
    "json": "twin/yard/north{n}",
    "ttn": "twin/ttn/app/devices/dev{n}/up",
    "chirpstack": "twin/chirpstack/7/device/{n:016x}/event/up",
    "senml": "twin/senml/gw{n}",
}
STREAMS = 15  # the last ones of the small city are left to the good stream
LARGEST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Bad:
    """One malformed message and what is wrong with it."""

    kind: str
    topic: str
    payload: bytes


def corpus(seed: int, count: int) -> list[Bad]:
    """So many different malformed messages, in an order of this seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    found: dict[tuple[str, bytes], Bad] = {}
    makers = list(_makers())
    number = 0
    while len(found) < count:
        codec, kind, make = makers[number % len(makers)]
        topic = TOPICS[codec].format(n=chance.randrange(STREAMS))
        payload = make(chance, number)
        found.setdefault((topic, payload), Bad(f"{codec}: {kind}", topic, payload))
        number += 1
    bad = list(found.values())
    chance.shuffle(bad)
    return bad


def behind_the_broker() -> list[Bad]:
    """What no broker lets through; topics as they would be decoded with replacement."""
    fine = b'{"t": 1795000000000, "v": %d}'
    topics = {
        "NUL in the topic": "twin/v1/demo/B1/\0/obs",
        "invalid UTF-8 in the topic": "twin/v1/demo/B1/\udcff/obs",
        "topic of 65,535 bytes": "twin/v1/" + "x" * 65_527,
        "empty topic": "",
        "wildcards in the topic": "twin/v1/+/#/obs",
    }
    bad = [Bad(kind, topic, fine % row) for row, (kind, topic) in enumerate(topics.items())]
    large = b"[" + b"1," * 5_000_000 + b"1]"
    return [*bad, Bad("10 MB", "twin/v1/demo/B1/s000/obs", large)]


def _makers() -> Iterator[tuple[str, str, Maker]]:
    for codec in ("own", "json", "ttn", "chirpstack", "senml"):
        for kind, make in SYNTAX.items():
            yield codec, kind, make
    for codec, makers in (("own", _OWN), ("json", _JSON), ("wave", _WAVE)):
        for kind, make in makers.items():
            yield codec, kind, make


_OWN: dict[str, Maker] = {
    "1e400": lambda _, number: b'{"t": %d, "v": 1e400}' % (NOW_MS + number),
    "number of 400 digits": lambda _, number: (
        b'{"t": %d, "v": 9%s}' % (NOW_MS + number, b"9" * 400)
    ),
    "a key twice": lambda _, number: b'{"t": %d, "v": 1, "v": %d}' % (NOW_MS, number),
    "text for a value": lambda _, number: b'{"t": %d, "v": "%d"}' % (NOW_MS + number, number),
    "truth for a value": lambda _, number: b'{"t": %d, "v": true}' % (NOW_MS + number),
    "list for a value": lambda _, number: b'{"t": %d, "v": [%d]}' % (NOW_MS, number),
    "object for a value": lambda _, number: b'{"t": %d, "v": {"v": %d}}' % (NOW_MS, number),
    "no value": lambda _, number: b'{"t": %d}' % (NOW_MS + number),
    "time is a word": lambda _, number: b'{"t": "never", "v": %d}' % number,
    "time of no calendar": lambda _, number: b'{"t": "2026-02-30T00:00:00Z", "v": %d}' % number,
    "time is a list": lambda _, number: b'{"t": [1], "v": %d}' % number,
    "time beyond year 9999": lambda _, number: b'{"t": %d, "v": 1}' % (10**17 + number),
    "1970": lambda _, number: b'{"t": %d, "v": 1}' % number,
    "ten years ahead": lambda _, number: b'{"t": %d, "v": 1}' % (NOW_MS + 315_360_000_000 + number),
    "neither time nor number": lambda _, number: b'{"v": %d}' % number,
}
_JSON: dict[str, Maker] = {
    "required field missing": lambda _, number: b'{"t": %d, "other": %d}' % (NOW_MS, number),
    "text for a value": lambda _, number: b'{"t": %d, "temp": "%d"}' % (NOW_MS, number),
    "1e400": lambda _, number: b'{"t": %d, "temp": 1e400}' % (NOW_MS + number),
    "time is a word": lambda _, number: b'{"t": "never", "temp": %d}' % number,
    "time missing": lambda _, number: b'{"temp": %d}' % number,
    "a key twice": lambda _, number: b'{"t": %d, "temp": 1, "temp": %d}' % (NOW_MS, number),
}


def _block(number: int, *, cut: int = 0, **changes: object) -> bytes:
    samples = struct.pack("<8f", *([number / 4] * 8))
    header: dict[str, object] = {
        "stream": "B1/acc", "t0": NOW_MS * 1_000_000 + number, "fs": 100.0, "n": 8, "dtype": "f4",
        "unit": "m/s2", "crc": f"{zlib.crc32(samples):08x}", **changes,
    }  # fmt: skip
    head = json.dumps(header).encode()
    whole = b"TWV1" + struct.pack("<I", len(head)) + head + samples
    return whole[: len(whole) - cut]


_WAVE: dict[str, Maker] = {
    "cut samples": lambda _, number: _block(number, cut=1 + number % 31),
    "cut header": lambda _, number: _block(number)[: 9 + number % 60] + b"%d" % number,
    "other version": lambda _, number: b"TWV9" + _block(number)[4:],
    "wrong count": lambda _, number: _block(number, n=9 + number),
    "negative rate": lambda _, number: _block(number, fs=-1.0 - number),
    "rate is text": lambda _, number: _block(number, fs=str(number)),
    "unknown sample type": lambda _, number: _block(number, dtype=f"f{number}"),
    "wrong checksum": lambda _, number: _block(number, crc=f"{number:08x}"),
    "time beyond year 9999": lambda _, number: _block(number, t0=10**30 + number),
    "header of 4 GB": lambda _, number: b"TWV1\xff\xff\xff\xff" + b"%d" % number,
    "JSON instead": lambda _, number: valid(number),
}
