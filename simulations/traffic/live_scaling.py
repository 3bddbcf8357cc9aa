"""Modelled flows pulled towards live counts: one scalar state per group of detectors.

The state is the logarithm of count over model. Between counts it decays towards 0, so that a group
without counts returns to the model while its band widens.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Outcome = Literal["updated", "missing", "rejected"]
# Half of the two-sided 90 % interval of the normal distribution.
Z_90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class ScalingRule:
    """How fast the state follows.

    Parameters
    ----------
    decay
        rho: what remains of the state after one interval, 0 to 1.
    variance_gain
        Q: variance that each interval adds.
    count_variation
        cv: coefficient of variation of a count beside its Poisson part.
    largest_gain
        K_max.
    rejection
        An innovation beyond this many standard deviations is refused.
    repeats
        So many refused innovations of equal sign in a row are believed.
    least_coverage
        Below this share of intervals with a count the group is stale.
    window
        Intervals over which the coverage is taken.
    """

    decay: float = 0.97
    variance_gain: float = 0.002
    count_variation: float = 0.1
    largest_gain: float = 0.7
    rejection: float = 4.0
    repeats: int = 3
    least_coverage: float = 0.75
    window: int = 12


@dataclass(frozen=True, slots=True)
class GroupScale:
    """State of one corridor or group of detectors.

    Parameters
    ----------
    mean, variance
        m and P: logarithm of count over model.
    refused
        Refused innovations in a row, negative if they lay below.
    seen
        Whether the last intervals had a count, the newest last.
    outcome
        What the last interval did.
    """

    mean: float = 0.0
    variance: float = 0.04
    refused: int = 0
    seen: tuple[bool, ...] = ()
    outcome: Outcome = "missing"

    @property
    def coverage(self) -> float:
        """Share of the remembered intervals that had a count."""
        return sum(self.seen) / len(self.seen) if self.seen else 0.0


def advance(
    scale: GroupScale, *, count: float, model: float, rule: ScalingRule | None = None
) -> GroupScale:
    """State after one interval of 5 to 15 minutes.

    Parameters
    ----------
    scale
        State after the interval before.
    count, model
        Vehicles of the group in this interval, counted and modelled. A count of 0, NaN or stale
        data (pass NaN) gives no update.
    rule
        Defaults to `ScalingRule()`.

    Raises
    ------
    ModelError
        If the model is not positive or the count negative.

    Examples
    --------
    >>> after = advance(GroupScale(), count=130.0, model=100.0)
    >>> after.outcome, bool(100.0 < scaled(np.array([100.0]), after).flow[0] < 130.0)
    ('updated', True)
    """
    rule = rule or ScalingRule()
    if not model > 0:
        raise ModelError(f"modelled flow of a group must be positive, got {model:g}")
    if count < 0:
        raise ModelError(
            f"count {count:g} is negative; sentinels become missing values when they are imported"
        )
    mean = rule.decay * scale.mean
    variance = rule.decay**2 * scale.variance + rule.variance_gain
    is_missing = not np.isfinite(count) or count == 0
    seen = (*scale.seen, not is_missing)[-rule.window :]
    predicted = replace(scale, mean=mean, variance=variance, seen=seen, outcome="missing")
    return predicted if is_missing else _updated(predicted, count, model, rule)


def _updated(scale: GroupScale, count: float, model: float, rule: ScalingRule) -> GroupScale:
    noise = 1.0 / max(count, 1.0) + rule.count_variation**2
    innovation = float(np.log(count) - np.log(model)) - scale.mean
    sign = 1 if innovation > 0 else -1
    if abs(innovation) > rule.rejection * np.sqrt(scale.variance + noise):
        in_a_row = (abs(scale.refused) if scale.refused * sign > 0 else 0) + 1
        if in_a_row < rule.repeats:
            return replace(scale, refused=sign * in_a_row, outcome="rejected")
    gain = min(scale.variance / (scale.variance + noise), rule.largest_gain)
    return replace(
        scale,
        mean=scale.mean + gain * innovation,
        variance=(1.0 - gain) * scale.variance,
        refused=0,
        outcome="updated",
    )


@dataclass(frozen=True, slots=True, eq=False)
class ScaledFlow:
    """Scaled flows with their 90 % band.

    Parameters
    ----------
    flow, low, high : (links,)
    is_stale
        Too few of the last intervals had a count.
    """

    flow: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    is_stale: bool


def scaled(
    model_flow: NDArray[np.float64], scale: GroupScale, *, rule: ScalingRule | None = None
) -> ScaledFlow:
    """Flows of a group under its state.

    Parameters
    ----------
    model_flow : (links,)
        Flows of the equilibrium, in any unit.

    Examples
    --------
    >>> scaled(np.array([100.0]), GroupScale(mean=np.log(1.2))).flow
    array([120.])
    """
    rule = rule or ScalingRule()
    spread = Z_90 * float(np.sqrt(scale.variance))
    return ScaledFlow(
        flow=model_flow * np.exp(scale.mean),
        low=model_flow * np.exp(scale.mean - spread),
        high=model_flow * np.exp(scale.mean + spread),
        is_stale=scale.coverage < rule.least_coverage,
    )
