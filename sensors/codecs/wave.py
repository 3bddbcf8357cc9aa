"""Waveform blocks: ``TWV1``, header length, JSON header, samples."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.codecs.decoder import Decoder, RefusedError, numbered, shown
from sensors.codecs.pointers import checked_key
from sensors.codecs.strict_json import is_number, parse
from twin.model.messages import CodecContext, Item, Message, Numbered, Outcome, WaveformBlock
from twin.model.times import from_us

MAGIC = b"TWV1"
PREFIX = struct.Struct("<4sI")
SAMPLE_TYPES = {"i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}
MOST_HZ = 1e6
LAST_NS = 253_402_300_799 * 10**9
LONGEST_UNIT = 20
WAVE_LEVELS = 6


@dataclass(frozen=True, slots=True)
class _Header:
    stream: str
    t0_ns: int
    rate_hz: float
    count: int
    sample_type: str
    scale: float
    offset: float
    unit: str
    sequence: int | None
    checksum: str
    missing: float | None


def _decode(message: Message, context: CodecContext) -> Outcome:
    payload = message.payload
    if len(payload) < PREFIX.size or not payload.startswith(MAGIC):
        raise RefusedError("unsupported_version", "payload does not begin with TWV1 and a length")
    _, header_size = PREFIX.unpack_from(payload)
    begin = PREFIX.size + header_size
    if begin > len(payload):
        raise RefusedError("length_mismatch", f"header of {header_size} bytes exceeds the payload")
    header = _header(parse(payload[PREFIX.size : begin], context.limits))
    _check_topic(message.topic, header.stream)
    time = from_us(header.t0_ns // 1000)
    with numbered(header.stream, header.sequence, time):
        items, missing = _blocks(payload[begin:], header)
    is_empty = not items and header.sequence is not None
    numbers = (Numbered(header.stream, header.sequence or 0, time),) if is_empty else ()
    return Outcome(tuple(items), missing=missing, numbered=numbers)


def _blocks(body: bytes, header: _Header) -> tuple[list[Item], int]:
    """Blocks of samples without a gap, and how many samples are missing."""
    raw = _raw_samples(body, header)
    values = raw.astype(np.float64) * header.scale + header.offset
    is_present = np.ones(len(raw), bool) if header.missing is None else raw != header.missing
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite and is refused below
        samples = values.astype(np.float32)
    if not np.isfinite(samples[is_present]).all():
        raise RefusedError("not_finite", "a sample is not finite after scaling; declare `missing`")
    blocks: list[Item] = [_block(header, samples, part) for part in _runs(is_present)]
    return blocks, int(len(raw) - is_present.sum())


def _header(document: object) -> _Header:
    if not isinstance(document, dict):
        raise RefusedError("wrong_type", "the header must be a JSON object")
    fields = _Fields(document)
    sample_type = fields.text("dtype")
    if sample_type not in SAMPLE_TYPES:
        raise RefusedError("unsupported_version", f"dtype must be one of {', '.join(SAMPLE_TYPES)}")
    rate_hz = fields.number("fs")
    if not 0 < rate_hz <= MOST_HZ:
        raise RefusedError("wrong_type", f"fs must be above 0 and at most {MOST_HZ:g} Hz")
    t0_ns = fields.integer("t0")
    if t0_ns > LAST_NS:
        raise RefusedError(
            "time_invalid", "t0 must be integer nanoseconds since 1970, up to year 9999"
        )
    return _Header(
        stream=checked_key(fields.text("stream")),
        t0_ns=t0_ns,
        rate_hz=rate_hz,
        count=fields.integer("n"),
        sample_type=sample_type,
        scale=fields.number("scale", 1.0),
        offset=fields.number("offset", 0.0),
        unit=fields.text("unit")[:LONGEST_UNIT],
        sequence=fields.integer("seq") if "seq" in document else None,
        checksum=fields.text("crc"),
        missing=fields.number("missing") if document.get("missing") is not None else None,
    )


class _Fields:
    """Typed access to the header's fields."""

    def __init__(self, document: dict[str, object]) -> None:
        self._document = document

    def text(self, name: str) -> str:
        value = self._present(name)
        if not isinstance(value, str):
            raise RefusedError("wrong_type", f"`{name}` must be text")
        return value

    def integer(self, name: str) -> int:
        value = self._present(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise RefusedError("wrong_type", f"`{name}` must be an integer from 0 on")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._document.get(name, default)
        if value is None:
            raise RefusedError("missing_field", f"the header lacks `{name}`")
        if not is_number(value):
            raise RefusedError("wrong_type", f"`{name}` must be a number")
        return float(value)  # pyrefly: ignore[bad-argument-type] - is_number saw to it

    def _present(self, name: str) -> object:
        if name not in self._document:
            raise RefusedError("missing_field", f"the header lacks `{name}`")
        return self._document[name]


def _check_topic(topic: str, stream: str) -> None:
    levels = topic.split("/")
    if len(levels) != WAVE_LEVELS or levels[-1] != "wave":
        return
    named = stream.split("/")
    if named[0] != levels[3] or named[-1] != levels[4]:
        raise RefusedError(
            "topic_mismatch",
            f"topic names {shown(f'{levels[3]}/{levels[4]}')}, the header {shown(stream)}",
        )


def _raw_samples(body: bytes, header: _Header) -> NDArray[np.generic]:
    sample_type = np.dtype(SAMPLE_TYPES[header.sample_type])
    expected = header.count * sample_type.itemsize
    if not header.count or len(body) != expected:
        raise RefusedError(
            "length_mismatch",
            f"{header.count} samples of {header.sample_type} are {expected} bytes, "
            f"the payload holds {len(body)}",
        )
    checksum = f"{zlib.crc32(body):08x}"
    if checksum != header.checksum.lower():
        raise RefusedError(
            "crc_mismatch", f"checksum of the samples is {checksum}, the header differs"
        )
    return np.frombuffer(body, sample_type)


def _runs(is_present: NDArray[np.bool_]) -> list[slice]:
    """Runs of samples without a gap: a missing sample ends the block."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_present, [False]))))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _block(header: _Header, samples: NDArray[np.float32], part: slice) -> WaveformBlock:
    t0_ns = header.t0_ns + round(part.start * 1e9 / header.rate_hz)
    return WaveformBlock(
        key=header.stream,
        t0_us=t0_ns // 1000,
        rate_hz=header.rate_hz,
        samples=samples[part],
        unit=header.unit,
        sequence=header.sequence,
    )


codec = Decoder("wave", "1", _decode)
