"""The stress history of one detail: two streaming counters, with time, gaps and days."""

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.structure.miner import RemainingLife, remaining_life
from simulations.structure.rainflow import DEFAULT_BIN_MPA, Rainflow
from simulations.structure.sn import SnCurve
from twin.errors import ModelError
from twin.model.monitoring import StateRecord

Floats = NDArray[np.float64]

FORMAT_VERSION = 1
STATE_NAME = "fatigue"
SLOW_TIME_S = 1800.0
KEPT_DAYS = 366
KEPT_CHECKPOINTS = 30

_DAY_US = 86_400_000_000
_SECOND_US = 1e6
_MAGIC = b"FTGH"
_HEAD = struct.Struct("<4sHII")
_FIGURES = 5
_COVERED, _GAP, _GAPS, _LATE, _BEFORE = range(_FIGURES)
_F = types.float64
_READ, _FA = types.Array(_F, 1, "C", readonly=True), types.Array(_F, 1, "C")


@njit(types.void(_READ, _F, _FA, _FA), cache=True, nogil=True)
def _without_slow(samples: Floats, share: float, slow: Floats, out: Floats) -> None:
    """Second-order high-pass: what is left of a sample after two exponential averages."""
    first, second = slow[0], slow[1]
    for index in range(samples.size):
        value = samples[index]
        if value - value == 0.0:
            if first != first:  # noqa: PLR0124 - NaN: the first sample, or the first after a gap
                first = second = value
            first += share * (value - first)
            second += share * (first - second)
        out[index] = value - 2.0 * first + second
    slow[0], slow[1] = first, second


@dataclass(frozen=True, slots=True)
class Fed:
    """What became of samples: how many were counted, came late, and the gap before them [s]."""

    counted: int
    late: int
    gap_s: float


@dataclass(frozen=True, slots=True)
class FatigueReport:
    """Consumed fatigue of one detail as far as it was measured.

    Parameters
    ----------
    closed_damage, residue_damage
        Miner sum of closed cycles, and of the half cycles of the residue [-].
    traffic_closed_damage, traffic_residue_damage
        The same without daily temperature cycles (slow part removed) [-].
    coverage
        Seconds with data over seconds since the first sample [-].
    extrapolated_damage
        ``closed + residue`` over coverage, as if the gaps had been like the rest; never part of
        the other figures [-].
    cycles, half_cycles
        Closed cycles, and the histogram of half cycles, (512,) of ``bin_mpa``.
    """

    detail: str
    curve_id: str
    gate_mpa: float
    bin_mpa: float
    closed_damage: float
    residue_damage: float
    traffic_closed_damage: float
    traffic_residue_damage: float
    cycles: int
    half_cycles: NDArray[np.int64]
    largest_mpa: float
    first_us: int
    until_us: int
    covered_s: float
    gap_s: float
    gaps: int
    samples: int
    invalid_samples: int
    late_samples: int
    coverage: float
    extrapolated_damage: float
    assumptions: tuple[str, ...]


class StressHistory:
    """Fatigue of one detail from its samples, in constant memory and restart-safe.

    Two counters run side by side: one takes every cycle, the other one those of traffic alone,
    without the slow part that temperature makes (second-order high-pass with ``SLOW_TIME_S``: 1.7 %
    of a daily cycle pass, and all but 1.1 % of a crossing of ten seconds).

    Parameters
    ----------
    detail
        Its name, part of the name of its state.
    curve, gate_mpa, bin_mpa
        As for `Rainflow`; another curve or gate starts another state.
    """

    __slots__ = ("_days", "_figures", "_slow", "all_cycles", "detail", "first_us", "position_us",
                 "traffic_cycles")  # fmt: skip

    def __init__(
        self, detail: str, curve: SnCurve, *, gate_mpa: float, bin_mpa: float = DEFAULT_BIN_MPA
    ) -> None:
        self.detail = detail
        self.all_cycles = Rainflow(curve, gate_mpa=gate_mpa, bin_mpa=bin_mpa)
        self.traffic_cycles = Rainflow(curve, gate_mpa=gate_mpa, bin_mpa=bin_mpa)
        self.first_us, self.position_us = 0, 0
        self._figures = np.zeros(_FIGURES)
        self._slow = np.full(2, np.nan)
        self._days = np.empty((0, 3))

    def feed(self, stress_mpa: Floats, *, start_us: int, rate_hz: float) -> Fed:
        """Take equally spaced samples; what lies before the position is late and not counted.

        Parameters
        ----------
        stress_mpa : (n,)
            NaN where nothing was measured.
        start_us
            Time of the first sample [us since 1970-01-01 UTC].
        rate_hz
            Samples a second.

        Raises
        ------
        ModelError
            If the rate is not positive or the samples are no row.
        """
        samples = np.ascontiguousarray(stress_mpa, dtype=np.float64)
        if not (np.isfinite(rate_hz) and rate_hz > 0.0):
            raise ModelError(f"a history needs a positive rate, got {rate_hz!r} Hz")
        if samples.ndim != 1:
            raise ModelError(f"samples come in one row, got the shape {samples.shape}")
        step_us = _SECOND_US / rate_hz
        late, gap_s = 0, 0.0
        if self.position_us:
            ahead_us = start_us - self.position_us
            late = min(max(int(np.ceil(-ahead_us / step_us - 0.5)), 0), len(samples))
            if ahead_us > 1.5 * step_us:
                gap_s = ahead_us / _SECOND_US
                self._slow[:] = np.nan
        elif len(samples):
            self.first_us = start_us
        self._figures[[_LATE, _GAP, _GAPS]] += late, gap_s, gap_s > 0.0
        self._count(samples, late, start_us, step_us)
        return Fed(len(samples) - late, late, gap_s)

    def _count(self, samples: Floats, begin: int, start_us: int, step_us: float) -> None:
        """Count from ``begin`` on, day by day."""
        share = 1.0 - np.exp(-step_us / _SECOND_US / SLOW_TIME_S)
        while begin < len(samples):
            day = int((start_us + begin * step_us) // _DAY_US)
            left = ((day + 1) * _DAY_US - start_us) / step_us
            end = min(len(samples), max(int(np.ceil(left)), begin + 1))
            piece = samples[begin:end]
            fast = np.empty(len(piece))
            _without_slow(piece, share, self._slow, fast)
            self.all_cycles.feed(piece)
            self.traffic_cycles.feed(fast)
            valid = np.count_nonzero(np.isfinite(piece))
            self._add(day, valid * step_us / _SECOND_US)
            self.position_us = start_us + round(end * step_us)
            begin = end

    def _add(self, day: int, covered_s: float) -> None:
        """Add to the row of a day: time with data, and damage that was closed meanwhile."""
        if not len(self._days) or self._days[-1, 0] != day:
            self._days = np.vstack((self._days, (day, 0.0, 0.0)))[-KEPT_DAYS:]
        damage = self.all_cycles.closed_damage
        self._days[-1, 1:] += covered_s, damage - self._figures[_BEFORE]
        self._figures[_BEFORE] = damage
        self._figures[_COVERED] += covered_s

    @property
    def days(self) -> Floats:
        """Day since 1970, seconds with data, closed damage, (n, 3); the last ``KEPT_DAYS``."""
        return self._days.copy()

    def report(self) -> FatigueReport:
        """Damage, counts and coverage up to the position."""
        counter, traffic = self.all_cycles, self.traffic_cycles
        span_s = max(self.position_us - self.first_us, 0) / _SECOND_US
        covered = float(self._figures[_COVERED])
        coverage = covered / span_s if span_s > 0.0 else 0.0
        total = counter.closed_damage + counter.residue_damage
        said = [
            *counter.curve.assumptions,
            f"gate {counter.gate_mpa:g} MPa; NaN dropped; the residue is kept over gaps",
            (
                "figures of traffic alone: without the slow part, a second-order high-pass of "
                f"{SLOW_TIME_S:g} s"
            ),
        ]
        if counter.shortened:
            said.append(f"the residue was full {counter.shortened} times; its smallest range left")
        return FatigueReport(
            detail=self.detail,
            curve_id=counter.curve.curve_id,
            gate_mpa=counter.gate_mpa,
            bin_mpa=counter.bin_mpa,
            closed_damage=counter.closed_damage,
            residue_damage=counter.residue_damage,
            traffic_closed_damage=traffic.closed_damage,
            traffic_residue_damage=traffic.residue_damage,
            cycles=counter.closed_cycles,
            half_cycles=counter.half_cycles.copy(),
            largest_mpa=counter.largest_mpa,
            first_us=self.first_us,
            until_us=self.position_us,
            covered_s=covered,
            gap_s=float(self._figures[_GAP]),
            gaps=int(self._figures[_GAPS]),
            samples=counter.samples,
            invalid_samples=counter.invalid_samples,
            late_samples=int(self._figures[_LATE]),
            coverage=coverage,
            extrapolated_damage=total / coverage if coverage > 0.0 else 0.0,
            assumptions=tuple(said),
        )

    def life(self, *, consumed_before: float = 0.0) -> RemainingLife:
        """Remaining life at the mean rate of the kept days; none below 30 days of data.

        Parameters
        ----------
        consumed_before
            Miner sum from before the measurement [-]; 0 is an assumption that the result states.
        """
        counter = self.all_cycles
        consumed = consumed_before + counter.closed_damage + counter.residue_damage
        found = remaining_life(*self._days.T, consumed=consumed)
        said = f"Miner sum before the measurement: {consumed_before:g}"
        return replace(found, assumptions=(*found.assumptions, said))

    def record(self, asset_id: str) -> StateRecord:
        """The state as the store keeps it."""
        return StateRecord(
            name=f"{STATE_NAME}/{self.detail}",
            asset_id=asset_id,
            format_version=FORMAT_VERSION,
            position_us=self.position_us,
            content=self.to_bytes(),
        )

    def to_bytes(self) -> bytes:
        """The state with its settings; at most 20 kB."""
        parts = [
            json.dumps(
                {"detail": self.detail, "first": self.first_us, "position": self.position_us}
            ).encode(),
            np.concatenate((self._figures, self._slow)).astype("<f8").tobytes(),
            self._days.astype("<f8").tobytes(),
            self.all_cycles.to_bytes(),
            self.traffic_cycles.to_bytes(),
        ]
        body = struct.pack("<5I", *(len(part) for part in parts)) + b"".join(parts)
        return _HEAD.pack(_MAGIC, FORMAT_VERSION, len(body), zlib.crc32(body)) + body

    @classmethod
    def from_bytes(
        cls, content: bytes, *, curve: SnCurve, gate_mpa: float | None = None
    ) -> "StressHistory":
        """The history that `to_bytes` wrote.

        Raises
        ------
        ModelError
            If the bytes are damaged or of another format version, or if curve or gate changed: that
            starts a new state.
        """
        head, figures, days, counted, traffic = _parts(content)
        all_cycles = Rainflow.from_bytes(counted, curve=curve)
        if gate_mpa is not None and gate_mpa != all_cycles.gate_mpa:
            raise ModelError(
                f"this state was counted with a gate of {all_cycles.gate_mpa:g} MPa, not of "
                f"{gate_mpa:g} MPa; a new gate starts a new state"
            )
        facts = json.loads(head)
        made = cls(facts["detail"], curve, gate_mpa=all_cycles.gate_mpa)
        made.all_cycles = all_cycles
        made.traffic_cycles = Rainflow.from_bytes(traffic, curve=curve)
        made.first_us, made.position_us = facts["first"], facts["position"]
        numbers = np.frombuffer(figures, dtype="<f8")
        made._figures[:], made._slow[:] = numbers[:_FIGURES], numbers[_FIGURES:]
        made._days = np.frombuffer(days, dtype="<f8").reshape(-1, 3).copy()
        return made


def _parts(content: bytes) -> list[bytes]:
    """Parts of a serialised history whose checksum holds."""
    if len(content) < _HEAD.size or content[:4] != _MAGIC:
        raise ModelError("these bytes are no stress history; take a checkpoint")
    _, version, length, checksum = _HEAD.unpack_from(content)
    if version != FORMAT_VERSION:
        raise ModelError(
            f"this stress history has the format {version}, known is {FORMAT_VERSION}; count anew"
        )
    body = content[_HEAD.size :]
    if len(body) != length or zlib.crc32(body) != checksum:
        raise ModelError("this stress history is damaged (checksum); take a checkpoint")
    sizes = struct.unpack_from("<5I", body)
    ends = np.cumsum((20, *sizes)).tolist()
    return [body[start:end] for start, end in pairwise(ends)]


def checkpoint_name(detail: str, day: int) -> str:
    """Name of the state of a detail at the end of a day since 1970."""
    return f"{STATE_NAME}/{detail}/{day}"


def checkpoint_for(records: Sequence[StateRecord], *, start_us: int) -> StateRecord | None:
    """The last checkpoint from which a late waveform can still be counted, or None.

    Whoever gets one restores it and feeds everything since again; without one the waveform stays
    uncounted, which `Fed.late` says.

    Parameters
    ----------
    records
        Checkpoints of one detail, in any order; the last ``KEPT_CHECKPOINTS`` days are kept.
    start_us
        Time of the first late sample [us since 1970-01-01 UTC].
    """
    usable = [record for record in records if record.position_us <= start_us]
    return max(usable, key=lambda record: record.position_us, default=None)
