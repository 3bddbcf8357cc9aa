"""Which explanation the evidence supports: a sensor fault, temperature, traffic or the structure.

Each symptom adds to or takes from the explanations by a table of weights; the reasons say so one by
one. It is a rule that a person can follow, not a probability: where no explanation leads clearly,
the cause stays open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from twin.model.findings import Cause, Phrase, Reason

RULE_VERSION = "1"
CAUSES: tuple[Cause, ...] = get_args(Cause)
CLEAR_LEAD = 1.0
"""The leading explanation must be ahead of the next one by so much."""
MANY_FLAGS_PERCENT = 20.0
HIGH_TRAFFIC_PERCENT = 200.0
USUAL_TRAFFIC_PERCENT = 150.0
BREATHING_PERCENT = 170.0
MOVED_LAG_H = 1.5
SHORT_H = 48.0
LASTING_D = 3.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What was seen around a change of one stream; None where nothing could be seen.

    Parameters
    ----------
    flagged_percent, flags
        Share of doubtful values while it changed, and their names.
    is_temperature_trained
        Whether all lagged temperatures lay inside the trained range of ``trained_cel``.
    heavy_percent
        Heavy traffic meanwhile against its usual amount at those hours.
    breathing_percent
        Answer of a crack to traffic against its former one.
    neighbours_changed, neighbours
        Related streams that changed with it, and how many there are: other modes of a bridge,
        or sensors of the same quantity.
    lag_moved_h
        How much later it follows the temperature than it used to.
    lasted_d
        How long it has lasted [d].
    came_back
        Whether it returned by itself.
    """

    flagged_percent: float = 0.0
    flags: tuple[str, ...] = ()
    is_temperature_trained: bool | None = None
    trained_cel: tuple[float, float] = (0.0, 0.0)
    heavy_percent: float | None = None
    breathing_percent: float | None = None
    neighbours_changed: int = 0
    neighbours: int = 0
    lag_moved_h: float | None = None
    lasted_d: float = 0.0
    came_back: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The cause that the evidence supports, or None, with every reason for and against."""

    cause: Cause | None
    reasons: tuple[Reason, ...]
    scores: Mapping[Cause, float]


def diagnose(symptoms: Symptoms) -> Diagnosis:
    """Weigh the symptoms of a change.

    Examples
    --------
    >>> diagnose(Symptoms(flagged_percent=60.0, flags=("stuck",))).cause
    'sensor_fault'
    >>> diagnose(Symptoms()).cause is None
    True
    """
    scores = dict.fromkeys(CAUSES, 0.0)
    reasons: list[Reason] = []
    for statement, value, weights in _signs(symptoms):
        for cause, weight in weights.items():
            scores[cause] += weight
        leading = max(weights, key=lambda cause: abs(weights[cause]))
        speaks = "for" if weights[leading] > 0 else "against"
        reasons.append(Reason(statement, value=value, cause=leading, speaks=speaks))
    first, second = sorted(scores, key=lambda cause: -scores[cause])[:2]
    is_clear = scores[first] - scores[second] >= CLEAR_LEAD
    return Diagnosis(first if is_clear else None, tuple(reasons), scores)


Sign = tuple[Phrase, float | None, Mapping[Cause, float]]


def _signs(symptoms: Symptoms) -> Sequence[Sign]:
    found = [_flags(symptoms)]
    if symptoms.is_temperature_trained is not None:
        found.append(_temperature(symptoms))
    if symptoms.heavy_percent is not None:
        found.append(_traffic(symptoms.heavy_percent))
    if symptoms.breathing_percent is not None:
        found.append(_breathing(symptoms.breathing_percent))
    if symptoms.neighbours:
        found.append(_neighbours(symptoms))
    if symptoms.lag_moved_h is not None and abs(symptoms.lag_moved_h) >= MOVED_LAG_H:
        hours = symptoms.lag_moved_h
        key = "reason.lag_moved" if hours > 0.0 else "reason.lag_earlier"
        found.append((Phrase(key, {"hours": abs(hours)}), hours, {"sensor_fault": 4.0}))
    if symptoms.came_back:
        hours = 24.0 * symptoms.lasted_d
        weights: Mapping[Cause, float] = {"structure": -3.0, "traffic": 1.0, "temperature": 1.0}
        if hours > SHORT_H:
            weights = {"structure": -2.0}
        found.append((Phrase("reason.came_back", {"hours": hours}), hours, weights))
    elif symptoms.lasted_d >= LASTING_D:
        days = symptoms.lasted_d
        found.append(
            (Phrase("reason.lasting", {"days": days}), days, {"structure": 1.0, "traffic": -1.0})
        )
    return found


def _flags(symptoms: Symptoms) -> Sign:
    percent = symptoms.flagged_percent
    if not percent:
        return Phrase("reason.no_flags"), 0.0, {"sensor_fault": -0.5}
    weight = 5.0 if percent >= MANY_FLAGS_PERCENT else 2.0
    values = {"percent": percent, "flags": ", ".join(symptoms.flags)}
    return Phrase("reason.flags", values), percent, {"sensor_fault": weight}


def _temperature(symptoms: Symptoms) -> Sign:
    least, most = symptoms.trained_cel
    values = {"least": least, "most": most}
    if symptoms.is_temperature_trained:
        return Phrase("reason.inside_trained", values), None, {"temperature": -2.0}
    return Phrase("reason.outside_trained", values), None, {"temperature": 4.0}


def _traffic(percent: float) -> Sign:
    if percent >= HIGH_TRAFFIC_PERCENT:
        return Phrase("reason.traffic_high", {"percent": percent}), percent, {"traffic": 4.0}
    weight = -2.0 if percent < USUAL_TRAFFIC_PERCENT else 0.0
    return Phrase("reason.traffic_usual", {"percent": percent}), percent, {"traffic": weight}


def _breathing(percent: float) -> Sign:
    values = {"percent": percent}
    if percent >= BREATHING_PERCENT:
        return Phrase("reason.breathing", values), percent, {"structure": 3.0, "sensor_fault": -2.0}
    return Phrase("reason.no_breathing", values), percent, {"sensor_fault": 2.0, "structure": -1.0}


def _neighbours(symptoms: Symptoms) -> Sign:
    values: Mapping[str, float | str] = {
        "count": float(symptoms.neighbours_changed),
        "of": float(symptoms.neighbours),
    }
    if symptoms.neighbours_changed:
        return (
            Phrase("reason.neighbours_agree", values),
            None,
            {"sensor_fault": -3.0, "structure": 1.0},
        )
    return Phrase("reason.neighbours_still", values), None, {"sensor_fault": 1.0}
