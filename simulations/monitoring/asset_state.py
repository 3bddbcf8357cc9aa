"""The monitoring state of an asset out of the states of its indicators."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from twin.model.findings import MonitoringState

IndicatorState = Literal[
    "no_data", "data_fault", "learning", "not_armed", "normal", "warning", "alarm"
]

STATES = {
    "no_data": MonitoringState.NO_DATA,
    "data_fault": MonitoringState.DATA_FAULT,
    "learning": MonitoringState.LEARNING,
    "not_armed": MonitoringState.NOT_ARMED,
    "normal": MonitoringState.NORMAL,
    "warning": MonitoringState.WARNING,
    "alarm": MonitoringState.ALARM,
}


@dataclass(frozen=True, slots=True)
class Indicator:
    """One thing that is watched at an asset.

    Parameters
    ----------
    name
        For example ``modes`` or ``crack_width.P2``.
    state
        What its watch says.
    inputs
        Datastreams that it reads.
    model
        Registered model that it needs; None where it is a plain rule such as a gauge limit.
    reason
        Key of the reason why it does not speak.
    """

    name: str
    state: IndicatorState
    inputs: tuple[str, ...] = ()
    model: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AssetState:
    """State of an asset, the indicators behind it, and those that do not speak with the reason."""

    state: MonitoringState
    by: tuple[str, ...]
    silent: tuple[tuple[str, str], ...]


def monitoring_state(
    indicators: Sequence[Indicator],
    *,
    faulty: Collection[str] = (),
    registered: Collection[str] = (),
) -> AssetState:
    """State of the monitoring of an asset (bridge specification, section 10.3).

    An alarm or warning counts only from an indicator whose inputs are sound and whose model is
    registered; a sensor fault never raises one. Without any, a fault shows as such, then an
    indicator that speaks makes the asset normal; what does not speak is listed with its reason.

    Parameters
    ----------
    indicators
        Everything that is watched; none means no data.
    faulty
        Datastreams with a sensor fault now.
    registered
        Names of the models in the register of this asset.

    Examples
    --------
    >>> modes = Indicator("modes", "alarm", inputs=("a1",), model="compensation")
    >>> monitoring_state([modes], registered=["compensation"]).state.name
    'ALARM'
    >>> monitoring_state([modes], registered=["compensation"], faulty=["a1"]).state.name
    'DATA_FAULT'
    >>> monitoring_state([modes]).state.name
    'NOT_ARMED'
    """
    judged = [(one, *_sound(one, set(faulty), set(registered))) for one in indicators]
    silent = tuple((one.name, reason) for one, state, reason in judged if state not in SPEAKING)
    for wanted in ORDER:
        names = tuple(one.name for one, state, _ in judged if state == wanted)
        if names:
            return AssetState(STATES[wanted], names, silent)
    return AssetState(MonitoringState.NO_DATA, (), silent)


SPEAKING = ("normal", "warning", "alarm")
ORDER: tuple[IndicatorState, ...] = (
    "alarm",
    "warning",
    "data_fault",
    "normal",
    "learning",
    "not_armed",
    "no_data",
)


def _sound(one: Indicator, faulty: set[str], registered: set[str]) -> tuple[IndicatorState, str]:
    """State that counts, and why it differs from what the watch says."""
    if one.state == "no_data":
        return "no_data", one.reason or "no_data"
    broken = sorted(faulty.intersection(one.inputs))
    if broken:
        return "data_fault", f"sensor_fault:{','.join(broken)}"
    if one.model is not None and one.model not in registered and one.state != "learning":
        return "not_armed", "no_model"
    return one.state, one.reason or one.state
