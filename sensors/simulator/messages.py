"""Messages of the simulated sensors: our own topics, readings as JSON, bursts as blocks."""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.tables import parameters
from twin.model.datastreams import Datastream

MAGIC = b"TWV1"
MOST_ITEMS = 1000
NANO_PER_MICRO = 1000
MICRO_PER_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to be published."""

    topic: str
    payload: bytes


def topic(datastream: Datastream, *, tenant: str, kind: str) -> str:
    """Topic of a datastream whose route key is ``<asset>/<stream>``.

    Examples
    --------
    >>> from twin.model.datastreams import Datastream
    >>> one = Datastream("u", "n", "B1", None, "strain", "s", "demo", "B1/eps", "simulated")
    >>> topic(one, tenant="demo", kind="obs")
    'twin/v1/demo/B1/eps/obs'
    """
    return f"twin/v1/{tenant}/{datastream.route_key}/{kind}"


def readings(
    times_us: NDArray[np.int64], values: NDArray[np.float64], *, first_sequence: int | None
) -> bytes:
    """Payload with one reading as an object, or several as an array, the newest last.

    Times are whole milliseconds since 1970; the sequence number counts the slots and is left out
    where not every slot is told.
    """
    items = [
        {"t": int(time_us) // MICRO_PER_MILLI, "v": float(value)}
        | ({} if first_sequence is None else {"seq": first_sequence + row})
        for row, (time_us, value) in enumerate(zip(times_us, values, strict=True))
    ]
    content = items[0] if len(items) == 1 else items
    return json.dumps(content, separators=(",", ":")).encode()


def waveform(
    samples: NDArray[np.int16], *, stream: str, t0_us: int, unit: str, sequence: int
) -> bytes:
    """Waveform block: magic, length of the header, JSON header, 16 bit samples."""
    table = parameters()
    body = samples.astype("<i2").tobytes()
    header = json.dumps(
        {
            "stream": stream,
            "t0": t0_us * NANO_PER_MICRO,
            "fs": table["wave_rate_hz"],
            "n": len(samples),
            "dtype": "i2",
            "scale": table["wave_scale_m_s2"],
            "offset": 0.0,
            "unit": unit,
            "seq": sequence,
            "crc": f"{zlib.crc32(body):08x}",
        },
        separators=(",", ":"),
    ).encode()
    return MAGIC + struct.pack("<I", len(header)) + header + body
