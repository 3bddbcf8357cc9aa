"""The watch over compensated channels: averages of residuals, T2, and when it may speak.

Each row moves the averages ``z <- lambda r + (1 - lambda) z`` of the channels that are there, and
``T2 = z' S^-1 z`` is compared with the limit of the training. The share of channel j is
``z_j (S^-1 z)_j``; they sum to T2. Where the watch is not armed nothing is judged and the averages
stand still, so that residuals of an extrapolation do not pile up.

References
----------
.. [1] "A Multivariate Exponentially Weighted Moving Average Control Chart",
   Technometrics 34 (1992) 46-53.
.. [2] "Decomposition of T2 for Multivariate Control Chart
   Interpretation", J. Qual. Technol. 27 (1995) 99-108, on shares; ours are the additive ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simulations.monitoring.channels import Bools, Channels, Floats, Ints
from simulations.monitoring.clock import ClockFault, doubt_of_time
from simulations.monitoring.compensate import inverted
from simulations.monitoring.compensation import Compensation, restored
from simulations.monitoring.contents import floats, packed, unpacked
from simulations.monitoring.lags import HOUR_US, Lags
from twin.errors import ModelError
from twin.model.monitoring import StateRecord, TrainedModel

KIND = "compensated_watch"
FORMAT_VERSION = 1
ABSENT_US = 24 * HOUR_US
DOUBT_US = 24 * HOUR_US
FROZEN_US = 24 * HOUR_US

NotArmedKey = Literal[
    "no_model",
    "temperature_missing",
    "temperature_doubtful",
    "temperature_frozen",
    "temperature_settling",
    "outside_trained_range",
    "too_few_channels",
    "clock_steps_back",
    "clock_ahead",
    "clock_behind",
    "day_month_exchanged",
    "clock_doubted",
]

CLOCK_KEYS: Mapping[ClockFault, NotArmedKey] = {
    "steps_back": "clock_steps_back",
    "ahead": "clock_ahead",
    "behind": "clock_behind",
    "day_month_exchanged": "day_month_exchanged",
}


@dataclass(frozen=True, slots=True)
class NotArmed:
    """One reason why a watch does not speak.

    ``subject`` is the driver or channel it is about; ``value`` lies outside of ``least`` to
    ``most``, in the unit of the subject (seconds for clocks, a count for channels).
    """

    key: NotArmedKey
    subject: str = ""
    value: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a watch says of one row.

    Parameters
    ----------
    time_us
        Time of the row [us since 1970].
    t2
        Charted value; NaN while not armed, which is neither an alarm nor an all-clear.
    limit
        Alarm above it.
    share : (p,)
        Shares of the channels in T2; they sum to it. Zero for those that are absent.
    residual : (p,)
        Residuals in standard deviations; NaN where missing or outside of the trained range.
    expected : (p,)
        What the channels should show, in their units; NaN outside of the trained range.
    not_armed
        All reasons why it does not speak; empty if it does.
    absent
        Channels that left T2 because they were missing for more than a day.
    """

    time_us: int
    t2: float
    limit: float
    share: Floats
    residual: Floats
    expected: Floats
    not_armed: tuple[NotArmed, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def is_armed(self) -> bool:
        """Whether it speaks."""
        return not self.not_armed

    @property
    def is_alarm(self) -> bool:
        """Whether T2 lies above the limit."""
        return self.is_armed and self.t2 > self.limit


@dataclass(slots=True)
class _State:
    """Everything that goes on from row to row."""

    lags: Lags
    average: Floats
    seen_us: Ints
    position_us: int = 0
    doubted_until_us: int = 0
    last_temperature_c: float = float("nan")
    temperature_since_us: int = 0
    rows: int = 0
    not_armed_rows: int = 0
    last_value: Floats = field(default_factory=lambda: np.empty(0))
    value_since_us: Ints = field(default_factory=lambda: np.empty(0, np.int64))


class Watch:
    """A trained compensation at work on a stream, row by row.

    The rows have to be as far apart as those of the training: the stated rate of false alarms is
    one of rows.

    Parameters
    ----------
    model
        What was trained.
    state
        Where an earlier watch of the same model left off; None begins anew.

    Raises
    ------
    ModelError
        If the state is damaged or belongs to other channels.
    """

    def __init__(self, model: Compensation, *, state: bytes | None = None) -> None:
        self.model = model
        self._state = _begun(model) if state is None else _resumed(model, state)
        self._inverse: dict[tuple[bool, ...], Floats] = {}

    @property
    def position_us(self) -> int:
        """Time up to which the input is used up [us since 1970]."""
        return self._state.position_us

    @property
    def not_armed_share(self) -> float:
        """Share of the rows so far in which the watch did not speak."""
        return self._state.not_armed_rows / max(self._state.rows, 1)

    def step(
        self,
        time_us: int,
        value: Floats,
        *,
        temperature_c: float = float("nan"),
        is_doubtful: bool = False,
        received_us: int | None = None,
    ) -> Judgement:
        """Judge one row and go on.

        Parameters
        ----------
        time_us
            Time of the row [us since 1970].
        value : (p,)
            Channels; NaN is missing.
        temperature_c
            Temperature [Cel].
        is_doubtful
            Whether the temperature carries a mark of a sensor fault.
        received_us
            Time of arrival, where it is known: clocks that are ahead or behind show there.
        """
        state, model = self._state, self.model
        state.rows += 1
        reasons = self._clock(time_us, received_us)
        if reasons and reasons[0].key != "clock_doubted":
            return self._silent(time_us, reasons)
        is_present = self._take(time_us, value)
        known = float("nan") if is_doubtful else temperature_c
        if model.kind == "temperature":
            reasons += self._temperature(time_us, temperature_c, is_doubtful=is_doubtful)
            state.lags.take(time_us, known)
            drivers = state.lags.average_c[None, :]
            if np.isfinite(known) and not state.lags.is_settled(time_us):
                hours = (state.lags.settled_us - time_us) / HOUR_US
                reasons.append(NotArmed("temperature_settling", value=hours, most=0.0))
        else:
            drivers = model.score(np.where(is_present, value, np.nan)[None, :])
        reasons += self._range(drivers[0])
        is_active = time_us - state.seen_us <= ABSENT_US
        if np.count_nonzero(is_active) < model.least_channels:
            count = float(np.count_nonzero(is_active))
            reasons.append(
                NotArmed("too_few_channels", value=count, least=float(model.least_channels))
            )
        if reasons:
            return self._silent(time_us, reasons)
        expected = model.expected(drivers)[0]
        residual = np.where(is_present, (value - expected) / model.chart.sigma, np.nan)
        return self._judged(time_us, residual, expected, is_active)

    def run(self, channels: Channels) -> "Judgements":
        """Judge a whole record."""
        found = [
            self.step(int(time), value, temperature_c=float(degrees), is_doubtful=bool(doubtful))
            for time, value, degrees, doubtful in zip(
                channels.time_us,
                channels.value,
                channels.temperature_c,
                channels.is_doubtful
                if len(channels.is_doubtful)
                else np.zeros(len(channels), np.bool_),
                strict=True,
            )
        ]
        return Judgements(tuple(found))

    def record(self, *, asset_id: str, name: str) -> StateRecord:
        """The state, to go on after a restart."""
        state = self._state
        fields = {slot: getattr(state, slot) for slot in _State.__dataclass_fields__}
        lags = fields.pop("lags")
        fields["names"] = self.model.names
        fields["lag_average_c"] = lags.average_c
        fields["lag_seen_us"], fields["lag_settled_us"] = lags.seen_us, lags.settled_us
        content = packed(KIND, format_version=FORMAT_VERSION, fields=fields)
        return StateRecord(name, asset_id, FORMAT_VERSION, state.position_us, content)

    def _clock(self, time_us: int, received_us: int | None) -> list[NotArmed]:
        state = self._state
        after_us = state.position_us if state.rows > 1 and state.position_us else None
        doubt = doubt_of_time(time_us, after_us=after_us, received_us=received_us)
        if doubt is not None:
            state.doubted_until_us = state.position_us + DOUBT_US
            return [NotArmed(CLOCK_KEYS[doubt.fault], value=doubt.seconds)]
        if time_us < state.doubted_until_us:
            return [NotArmed("clock_doubted", value=(state.doubted_until_us - time_us) / 1e6)]
        return []

    def _take(self, time_us: int, value: Floats) -> Bools:
        """Which channels are present: finite, and not frozen for a day."""
        state = self._state
        is_same = value == state.last_value
        state.value_since_us = np.where(is_same, state.value_since_us, time_us)
        state.last_value = np.where(np.isfinite(value), value, state.last_value)
        is_frozen = is_same & (time_us - state.value_since_us >= FROZEN_US)
        is_present = np.isfinite(value) & ~is_frozen
        state.seen_us = np.where(is_present, time_us, state.seen_us)
        state.position_us = time_us
        return is_present

    def _temperature(
        self, time_us: int, temperature_c: float, *, is_doubtful: bool
    ) -> list[NotArmed]:
        state = self._state
        if not np.isfinite(temperature_c):
            return [NotArmed("temperature_missing")]
        if is_doubtful:
            return [NotArmed("temperature_doubtful", value=temperature_c)]
        if temperature_c != state.last_temperature_c:
            state.last_temperature_c, state.temperature_since_us = temperature_c, time_us
        if time_us - state.temperature_since_us >= FROZEN_US:
            return [NotArmed("temperature_frozen", value=temperature_c)]
        return []

    def _range(self, drivers: Floats) -> list[NotArmed]:
        model = self.model
        outside = np.isfinite(drivers) & ~model.is_inside(drivers)
        return [
            NotArmed(
                "outside_trained_range",
                subject=model.driver_names[column],
                value=float(drivers[column]),
                least=float(model.least[column]),
                most=float(model.most[column]),
            )
            for column in np.flatnonzero(outside).tolist()
        ]

    def _silent(self, time_us: int, reasons: list[NotArmed]) -> Judgement:
        self._state.not_armed_rows += 1
        nothing = np.full(len(self.model.names), np.nan)
        return Judgement(
            time_us,
            float("nan"),
            self.model.chart.limit,
            np.zeros(len(nothing)),
            nothing,
            nothing,
            tuple(reasons),
        )

    def _judged(
        self, time_us: int, residual: Floats, expected: Floats, is_active: Bools
    ) -> Judgement:
        state, chart = self._state, self.model.chart
        clipped = np.clip(residual, -chart.clip, chart.clip)
        moved = chart.weight * clipped + (1.0 - chart.weight) * state.average
        state.average = np.where(np.isfinite(residual), moved, state.average)
        pattern = tuple(is_active.tolist())
        if pattern not in self._inverse:
            self._inverse[pattern] = inverted(chart.covariance[np.ix_(is_active, is_active)])
        active = state.average[is_active]
        share = np.zeros(len(is_active))
        share[is_active] = active * (self._inverse[pattern] @ active)
        absent = tuple(
            name for name, there in zip(self.model.names, pattern, strict=True) if not there
        )
        return Judgement(
            time_us, float(share.sum()), chart.limit, share, residual, expected, absent=absent
        )


@dataclass(frozen=True, slots=True)
class Judgements:
    """Judgements of a record, row by row."""

    rows: tuple[Judgement, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_armed(self) -> Bools:
        """Whether the watch spoke, shape (n,)."""
        return np.array([row.is_armed for row in self.rows], np.bool_)

    @property
    def is_alarm(self) -> Bools:
        """Whether it gave an alarm, shape (n,)."""
        return np.array([row.is_alarm for row in self.rows], np.bool_)

    @property
    def t2(self) -> Floats:
        """Charted values, NaN where it did not speak, shape (n,)."""
        return np.array([row.t2 for row in self.rows])

    @property
    def reasons(self) -> Mapping[str, int]:
        """Number of rows for each reason not to speak."""
        counts: dict[str, int] = {}
        for row in self.rows:
            for key in {reason.key for reason in row.not_armed}:
                counts[key] = counts.get(key, 0) + 1
        return counts


def opened(
    models: Sequence[TrainedModel], states: Sequence[StateRecord], *, asset_id: str, name: str
) -> Watch | None:
    """The watch of the newest registered version of a model; None if none is registered.

    Parameters
    ----------
    models
        The register.
    states
        Where watches left off; one of another model version is not used.
    asset_id, name
        Which model; its state is called ``name.version``.

    Examples
    --------
    >>> opened((), (), asset_id="B09", name="compensation") is None
    True
    """
    registered = [model for model in models if model.asset_id == asset_id and model.name == name]
    if not registered:
        return None
    newest = max(registered, key=lambda model: model.version)
    state_name = f"{name}.{newest.version}"
    kept = [state for state in states if (state.asset_id, state.name) == (asset_id, state_name)]
    return Watch(restored(newest.content), state=kept[-1].content if kept else None)


def _begun(model: Compensation) -> _State:
    channels = len(model.names)
    return _State(
        lags=Lags(model.lags_h or (1.0,)),
        average=np.zeros(channels),
        seen_us=np.zeros(channels, np.int64),
        last_value=np.full(channels, np.nan),
        value_since_us=np.zeros(channels, np.int64),
    )


def _resumed(model: Compensation, content: bytes) -> _State:
    fields = unpacked(content, kind=KIND, format_version=FORMAT_VERSION)
    names = tuple(fields.pop("names"))
    if names != model.names:
        raise ModelError(
            f"the state belongs to {', '.join(names)}, the model to {', '.join(model.names)}: "
            "start the watch anew"
        )
    lags = Lags(
        model.lags_h or (1.0,),
        average_c=floats(fields.pop("lag_average_c")),
        seen_us=fields.pop("lag_seen_us"),
        settled_us=fields.pop("lag_settled_us"),
    )
    for name in ("average", "last_value"):
        fields[name] = floats(fields[name])
    for name in ("seen_us", "value_since_us"):
        fields[name] = np.array(fields[name], np.int64)
    temperature = fields["last_temperature_c"]
    fields["last_temperature_c"] = float("nan") if temperature is None else temperature
    return _State(lags=lags, **fields)
