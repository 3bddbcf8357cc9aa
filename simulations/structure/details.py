"""Details whose fatigue is followed, and why some of them cannot be assessed."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulations.structure.sn import SnCurve
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.structure import InfluenceLine

Floats = NDArray[np.float64]
DetailKind = Literal["steel", "prestressing_steel", "reinforcement", "orthotropic_deck"]

QUASI_STATIC = "no dynamic factor was measured: 1.0 is an assumption"
GENERAL = (
    "linear and quasi-static; constant speed of each vehicle",
    "the unevenness of the road and the vibration of the bridge count through the dynamic factor",
)


@dataclass(frozen=True, slots=True)
class DynamicFactor:
    """Total over quasi-static effect of a crossing: stated, or measured, by speed where known.

    Parameters
    ----------
    factor : (n,)
        Factor at each speed [-]; one value where it does not depend on the speed.
    speed_ms : (n,)
        Rising speeds [m/s]; between them it is linear, beyond them the nearest counts.
    source
        Where it comes from: total over low-pass strain of this bridge, or of which other one.
    is_borrowed
        Taken from another bridge of the type; bands get wider.
    """

    factor: tuple[float, ...] = (1.0,)
    speed_ms: tuple[float, ...] = (0.0,)
    source: str = QUASI_STATIC
    is_borrowed: bool = False

    def __post_init__(self) -> None:
        if len(self.factor) != len(self.speed_ms) or not self.factor:
            raise ModelError("a dynamic factor needs one value per speed")
        if not all(np.isfinite(one) and one > 0.0 for one in self.factor):
            raise ModelError(f"dynamic factors are positive numbers, got {self.factor}")
        if any(np.diff(self.speed_ms) <= 0.0):
            raise ModelError("the speeds of a dynamic factor must rise")

    def at(self, speed_ms: Floats) -> Floats:
        """Factor at each speed, direction aside, same shape [-].

        Examples
        --------
        >>> DynamicFactor((1.0, 1.2), (0.0, 20.0), "measured").at(np.array([-10.0, 30.0]))
        array([1.1, 1.2])
        """
        return np.interp(np.abs(speed_ms), self.speed_ms, self.factor)


NO_DYNAMIC_FACTOR = DynamicFactor()


@dataclass(frozen=True, slots=True)
class FatigueDetail:
    """A detail, the influence lines that load it, and how its effect becomes stress.

    Parameters
    ----------
    name
        Unique on the bridge.
    curve
        S-N curve of its category.
    lines
        One per lane, or one without a lane for all of them.
    stress_mpa
        Stress per unit of the effect of the lines: for a moment in kN.m and a section modulus W in
        m3 it is ``1 / (1000 W)`` [MPa per unit].
    kind
        What is stressed.
    dynamic
        Dynamic factor of crossings.
    permanent_knm, decompression_knm
        Prestressed members only: moment of the permanent loads, and the one at which the edge is
        without stress [kN.m]; None where unknown.
    """

    name: str
    curve: SnCurve
    lines: tuple[InfluenceLine, ...]
    stress_mpa: float
    kind: DetailKind = "steel"
    dynamic: DynamicFactor = field(default=NO_DYNAMIC_FACTOR)
    permanent_knm: float | None = None
    decompression_knm: float | None = None

    def __post_init__(self) -> None:
        lanes = [line.lane for line in self.lines]
        if not lanes or len(set(lanes)) != len(lanes):
            raise ModelError(f"{self.name}: one influence line per lane is needed, got {lanes}")
        if len({line.effect for line in self.lines}) > 1:
            raise ModelError(f"{self.name}: its influence lines show different effects")
        if not np.isfinite(self.stress_mpa) or self.stress_mpa == 0.0:
            raise ModelError(f"{self.name}: stress per effect is {self.stress_mpa!r}, not a number")

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every figure of this detail takes for granted."""
        said = [*GENERAL, *self.curve.assumptions, f"dynamic factor: {self.dynamic.source}"]
        if self.dynamic.is_borrowed:
            said.append("the dynamic factor is borrowed from another bridge of the type")
        if len(self.lines) == 1 and self.lines[0].lane is None:
            said.append(
                "one influence line for all lanes: how lanes share the load is not in this model"
            )
        for line in self.lines:
            said += [f"model level {line.level}", *line.assumptions]
        return tuple(dict.fromkeys(said))


@dataclass(frozen=True, slots=True)
class NotAssessable:
    """No figure for this detail, and why; a result like any other, never a zero."""

    detail: str
    reason: Phrase


def section_modulus_factor(section_modulus_m3: float) -> float:
    """Stress per moment ``1 / (1000 W)`` [MPa per kN.m].

    Examples
    --------
    >>> section_modulus_factor(0.05)
    0.02
    """
    if not (np.isfinite(section_modulus_m3) and section_modulus_m3 > 0.0):
        raise ModelError(f"a section modulus is positive, got {section_modulus_m3!r} m3")
    return 1.0 / (1e3 * section_modulus_m3)


def why_not(detail: FatigueDetail, *, highest_knm: float | None = None) -> NotAssessable | None:
    """Why the fatigue of a detail cannot be assessed, or None.

    Parameters
    ----------
    detail
    highest_knm
        Highest effect of the traffic; left out, only what is known without it is checked.
    """
    values = {"detail": detail.name}
    if detail.kind == "orthotropic_deck":
        return NotAssessable(detail.name, Phrase("fatigue_orthotropic", values))
    if detail.kind == "reinforcement":
        return NotAssessable(detail.name, Phrase("fatigue_reinforcement", values))
    if detail.kind != "prestressing_steel":
        return None
    permanent, limit = detail.permanent_knm, detail.decompression_knm
    if limit is None or permanent is None or detail.lines[0].effect != "moment":
        return NotAssessable(detail.name, Phrase("fatigue_decompression_unknown", values))
    if highest_knm is not None and permanent + highest_knm > limit:
        numbers = {"moment": round(permanent + highest_knm), "limit": round(limit)}
        return NotAssessable(detail.name, Phrase("fatigue_decompressed", {**values, **numbers}))
    return None
