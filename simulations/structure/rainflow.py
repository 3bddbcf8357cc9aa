"""Streaming rainflow: closed cycles as samples come, in constant memory.

Four-point rule on the reversals: of four points in a row A, B, C, D the cycle B-C is closed when
its range is greater than neither its neighbour's, and leaves. What stays open is the residue. It is
the same as ASTM E1049-85 (2017), 5.4.4, once the residue is expanded to half cycles.
"""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.structure.sn import (
    CUTOFF,
    FACTOR_1,
    FACTOR_2,
    KNEE,
    SLOPE_1,
    SLOPE_2,
    SnCurve,
    cycle_damage,
    power,
)
from twin.errors import ModelError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

FORMAT_VERSION = 1
BINS = 512
LONGEST_RESIDUE = 200
DEFAULT_BIN_MPA = 0.5

_MAGIC = b"RFLW"
_HEAD = struct.Struct("<4sHHI")
CANDIDATE, DIRECTION, LOW, HIGH, DAMAGE, LARGEST, RESIDUE = range(7)
"""Places in the numbers of a state; from the last one on lie the turning points left open."""
SAMPLES, INVALID, CLOSED, SHORTENED, HELD, HISTOGRAM = range(6)
"""Places in its counts; from the last one on lie the half cycles per bin."""
GATE, BIN = 6, 7
"""Places in its settings, behind those of `SnCurve.parameters`."""
_LARGEST = np.finfo(np.float64).max

_F, _I, _V = types.float64, types.int64, types.void
_READ = types.Array(_F, 1, "C", readonly=True)
_FA, _IA = types.Array(_F, 1, "C"), types.Array(types.int64, 1, "C")


@njit(_V(_F, _F, _FA, _IA, _READ, _FA), cache=True, nogil=True)
def _count(  # noqa: PLR0917
    size: float, weight: float, numbers: Floats, counts: Counts, settings: Floats, closed: Floats
) -> None:
    """Book one cycle (weight 1) or a half one outside of the loop."""
    numbers[DAMAGE] += weight * cycle_damage(size, settings)
    numbers[LARGEST] = max(numbers[LARGEST], size)
    row = min(size * (1.0 / settings[BIN]), BINS - 1.0)
    counts[HISTOGRAM + int(row)] += int(2.0 * weight)
    if closed.size > 0:
        closed[counts[CLOSED]] = size
    counts[CLOSED] += 1


@njit(_I(_I, _FA, _IA, _READ, _FA), cache=True, nogil=True)
def _shorten(top: int, numbers: Floats, counts: Counts, settings: Floats, closed: Floats) -> int:
    """A full residue loses its smallest range, which is at one of its ends; the new top."""
    first = abs(numbers[RESIDUE + 1] - numbers[RESIDUE])
    last = abs(numbers[top - 1] - numbers[top - 2])
    counts[SHORTENED] += 1
    if first > last:
        _count(last, 1.0, numbers, counts, settings, closed)
        return top - 2
    _count(first, 0.5, numbers, counts, settings, closed)
    numbers[RESIDUE : top - 1] = numbers[RESIDUE + 1 : top].copy()
    return top - 1


@njit(_V(_READ, _FA, _IA, _READ, _FA), cache=True, nogil=True)
def feed(  # noqa: C901, PLR0912, PLR0915 - one loop, because a call per reversal costs more
    samples: Floats, numbers: Floats, counts: Counts, settings: Floats, closed: Floats
) -> None:
    """Take samples; reversals beyond the gate close cycles, the last extreme stays open."""
    direction, candidate = numbers[DIRECTION], numbers[CANDIDATE]
    low, high, damage, largest = numbers[LOW], numbers[HIGH], numbers[DAMAGE], numbers[LARGEST]
    gate, bins = settings[GATE], 1.0 / settings[BIN]
    knee, cutoff = settings[KNEE], settings[CUTOFF]
    factors = settings[FACTOR_1], settings[FACTOR_2]
    slopes = int(settings[SLOPE_1]), int(settings[SLOPE_2])
    top, cycles, invalid = RESIDUE + counts[HELD], counts[CLOSED], 0
    for index in range(samples.size + 1):
        is_end = index == samples.size
        value = candidate if is_end else samples[index]
        if is_end:
            if direction == 0.0:
                break
        elif not abs(value) <= _LARGEST:  # neither NaN nor infinity is a stress
            invalid += 1
            continue
        elif direction > 0.0:
            if value >= candidate:
                candidate = value
                continue
            if candidate - value <= gate:
                continue
        elif direction < 0.0:
            if value <= candidate:
                candidate = value
                continue
            if value - candidate <= gate:
                continue
        else:
            low, high = min(low, value), max(high, value)
            candidate = value
            if high - low <= gate:
                continue
            candidate = low if value == high else high  # the extreme that came first
            direction = -1.0 if value == high else 1.0
        while top >= RESIDUE + 3:
            size = abs(numbers[top - 1] - numbers[top - 2])
            if size > abs(numbers[top - 2] - numbers[top - 3]):
                break
            if size > abs(candidate - numbers[top - 1]):
                break
            if size >= cutoff:
                rank = 0 if size >= knee else 1
                damage += power(factors[rank], size, slopes[rank])
            largest = max(largest, size)
            counts[HISTOGRAM + int(min(size * bins, BINS - 1.0))] += 2
            if closed.size > 0:
                closed[cycles] = size
            cycles += 1
            top -= 2
        if is_end:
            break
        if top == numbers.size:
            numbers[DAMAGE], numbers[LARGEST], counts[CLOSED] = damage, largest, cycles
            top = _shorten(top, numbers, counts, settings, closed)
            damage, largest, cycles = numbers[DAMAGE], numbers[LARGEST], counts[CLOSED]
        numbers[top] = candidate
        top += 1
        direction, candidate = -direction, value
    numbers[DIRECTION], numbers[CANDIDATE] = direction, candidate
    numbers[LOW], numbers[HIGH], numbers[DAMAGE], numbers[LARGEST] = low, high, damage, largest
    counts[HELD], counts[CLOSED] = top - RESIDUE, cycles
    counts[SAMPLES] += samples.size
    counts[INVALID] += invalid


@dataclass(frozen=True, slots=True)
class Cycles:
    """What a stress history amounts to: ranges of closed cycles and turning points left open.

    Each range between neighbours of ``residue`` is a half cycle.
    """

    closed: Floats
    residue: Floats

    @property
    def ranges(self) -> Floats:
        """Ranges of closed cycles, then those of the half cycles."""
        return np.concatenate((self.closed, np.abs(np.diff(self.residue))))

    @property
    def weights(self) -> Floats:
        """1 for a closed cycle, 0.5 for a half one, in the order of ``ranges``."""
        return np.repeat((1.0, 0.5), (len(self.closed), max(len(self.residue) - 1, 0)))


class Rainflow:
    """Counter of one stress history; any split of the samples into calls gives the same.

    Parameters
    ----------
    curve
        Damage is summed per cycle with it.
    gate_mpa
        Reversals that come back by no more than this are noise; 2 to 3 times that of the sensor.
    bin_mpa
        Width of the 512 bins of the histogram [MPa]; the last one holds everything above.

    Raises
    ------
    ModelError
        If gate or width is no sound number.

    Examples
    --------
    >>> from simulations.structure.sn import sn_curve
    >>> counter = Rainflow(sn_curve(71.0))
    >>> counter.feed(np.array([-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0]))
    >>> counter.closed_cycles, counter.residue
    (1, array([-2.,  1., -3.,  5., -4.,  4., -2.]))
    """

    __slots__ = ("_counts", "_nothing", "_numbers", "_settings", "bin_mpa", "curve", "gate_mpa")

    def __init__(
        self, curve: SnCurve, *, gate_mpa: float = 0.0, bin_mpa: float = DEFAULT_BIN_MPA
    ) -> None:
        if not (np.isfinite(gate_mpa) and gate_mpa >= 0.0):
            raise ModelError(f"the gate must be zero or a positive stress, got {gate_mpa!r} MPa")
        if not (np.isfinite(bin_mpa) and bin_mpa > 0.0):
            raise ModelError(f"the bins need a positive width, got {bin_mpa!r} MPa")
        self.curve, self.gate_mpa, self.bin_mpa = curve, float(gate_mpa), float(bin_mpa)
        self._settings = np.append(curve.parameters, (gate_mpa, bin_mpa))
        self._numbers = np.zeros(RESIDUE + LONGEST_RESIDUE)
        self._numbers[[LOW, HIGH]] = np.inf, -np.inf
        self._counts = np.zeros(HISTOGRAM + BINS, dtype=np.int64)
        self._nothing = np.empty(0)

    def feed(self, stress_mpa: Floats) -> None:
        """Take samples [MPa], shape (n,); what is no finite number is dropped and counted."""
        self.feed_into(self._nothing, stress_mpa)

    def feed_into(self, closed: Floats, stress_mpa: Floats) -> None:
        """`feed`, and write the ranges of closed cycles to ``closed`` (all since the start)."""
        samples = np.ascontiguousarray(stress_mpa, dtype=np.float64)
        if samples.ndim != 1:
            raise ModelError(f"samples come in one row, got the shape {samples.shape}")
        feed(samples, self._numbers, self._counts, self._settings, closed)

    @property
    def arrays(self) -> tuple[Floats, Counts, Floats]:
        """Numbers, counts and settings that kernels hand to `feed`, not copied."""
        return self._numbers, self._counts, self._settings

    @property
    def half_cycles(self) -> Counts:
        """Half cycles per bin, shape (512,); for display, damage is summed per cycle."""
        return self._counts[HISTOGRAM:]

    @property
    def closed_damage(self) -> float:
        """Damage of the cycles that are closed [-]."""
        return float(self._numbers[DAMAGE])

    @property
    def residue_damage(self) -> float:
        """Damage of the residue, half a cycle for each of its ranges [-]."""
        return float(0.5 * self.curve.damage(np.abs(np.diff(self.residue))).sum())

    @property
    def largest_mpa(self) -> float:
        """Largest range so far, the open ones included [MPa]."""
        return float(max(self._numbers[LARGEST], np.abs(np.diff(self.residue)).max(initial=0.0)))

    @property
    def closed_cycles(self) -> int:
        """Number of closed cycles."""
        return int(self._counts[CLOSED])

    @property
    def samples(self) -> int:
        """Number of samples taken, invalid ones included."""
        return int(self._counts[SAMPLES])

    @property
    def invalid_samples(self) -> int:
        """Number of samples that were no finite number."""
        return int(self._counts[INVALID])

    @property
    def shortened(self) -> int:
        """How often the residue was full and lost its smallest range to the closed cycles."""
        return int(self._counts[SHORTENED])

    @property
    def residue(self) -> Floats:
        """Turning points of what is open, the running extreme last [MPa]."""
        if self._numbers[DIRECTION] == 0.0:
            return np.empty(0) if self.samples == self.invalid_samples else self._numbers[:1].copy()
        return np.append(
            self._numbers[RESIDUE : RESIDUE + self._counts[HELD]], self._numbers[CANDIDATE]
        )

    def to_bytes(self) -> bytes:
        """The state with its settings, to go on with after a restart; about 5 kB."""
        head = json.dumps(
            {"curve": self.curve.curve_id, "gate_mpa": self.gate_mpa, "bin_mpa": self.bin_mpa}
        ).encode()
        used = RESIDUE + int(self._counts[HELD])
        body = b"".join(
            (
                head,
                self._counts.astype("<i8").tobytes(),
                self._numbers[:used].astype("<f8").tobytes(),
            )
        )
        return _HEAD.pack(_MAGIC, FORMAT_VERSION, len(head), zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, content: bytes, *, curve: SnCurve) -> "Rainflow":
        """The counter that `to_bytes` wrote.

        Raises
        ------
        ModelError
            If the bytes are damaged, of another format version, or counted with another curve.
        """
        head, body = _opened(content)
        if head["curve"] != curve.curve_id:
            raise ModelError(
                f"this state was counted with {head['curve']!r}, not with {curve.curve_id!r}; a "
                "new curve starts a new state"
            )
        made = cls(curve, gate_mpa=head["gate_mpa"], bin_mpa=head["bin_mpa"])
        size = made._counts.nbytes
        made._counts[:] = np.frombuffer(body[:size], dtype="<i8")
        numbers = np.frombuffer(body[size:], dtype="<f8")
        if len(numbers) != RESIDUE + made._counts[HELD] or len(numbers) > len(made._numbers):
            raise ModelError("this rainflow state holds another number of turning points than said")
        made._numbers[: len(numbers)] = numbers
        return made


def _opened(content: bytes) -> tuple[dict, bytes]:
    """Head and body of a serialised state whose checksum holds."""
    if len(content) < _HEAD.size:
        raise ModelError(f"a rainflow state has more than {len(content)} bytes; take a checkpoint")
    magic, version, length, checksum = _HEAD.unpack_from(content)
    if magic != _MAGIC:
        raise ModelError("these bytes are no rainflow state; take a checkpoint")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"this rainflow state has the format {version}, known is {FORMAT_VERSION}; count anew"
        )
    body = content[_HEAD.size :]
    if zlib.crc32(body) != checksum:
        raise ModelError("this rainflow state is damaged (checksum); take a checkpoint")
    return json.loads(body[:length]), body[length:]


def count_cycles(stress_mpa: Floats, *, curve: SnCurve, gate_mpa: float = 0.0) -> Cycles:
    """Ranges of the closed cycles and the residue of one stress history.

    Parameters
    ----------
    stress_mpa : (n,)
        What is no finite number is left out.

    Examples
    --------
    >>> from simulations.structure.sn import sn_curve
    >>> found = count_cycles(np.array([0.0, 9.0, 2.0, 5.0, 0.0]), curve=sn_curve(71.0))
    >>> found.closed, found.residue
    (array([3.]), array([0., 9., 0.]))
    """
    counter = Rainflow(curve, gate_mpa=gate_mpa)
    closed = np.empty(len(stress_mpa) // 2 + 1)
    counter.feed_into(closed, stress_mpa)
    return Cycles(closed[: counter.closed_cycles], counter.residue)
