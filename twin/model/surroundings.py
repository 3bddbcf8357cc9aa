"""What a base knows of its town beside roads and trips: people, stations, bands, emissions."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

EMERGENCY_CLASSES = ("fire_station", "hospital")
"""Asset classes whose reach is told before and after a measure."""


@dataclass(frozen=True, slots=True, eq=False)
class EmissionTable:
    """Factors of one pollutant by class and speed, made once on the user's machine.

    Parameters
    ----------
    pollutant : str
    classes : tuple[str, ...]
        Names of vehicle classes.
    speed_kmh : (speeds,)
        Rising.
    factor_g_km : (classes, speeds)
    fitting_error : tuple[float, ...]
        Relative error of the model by class, as its maker states it.
    tool_version : str

    Raises
    ------
    ModelError
        If shapes, order or signs do not fit.
    """

    pollutant: str
    classes: tuple[str, ...]
    speed_kmh: NDArray[np.float64]
    factor_g_km: NDArray[np.float64]
    fitting_error: tuple[float, ...]
    tool_version: str

    def __post_init__(self) -> None:
        shape = (len(self.classes), self.speed_kmh.size)
        if self.factor_g_km.shape != shape or len(self.fitting_error) != len(self.classes):
            raise ModelError(
                f"the table of {self.pollutant} needs factors of shape {shape} and one error a "
                "class; make it anew"
            )
        if not (np.diff(self.speed_kmh) > 0.0).all() or not (self.factor_g_km >= 0.0).all():
            raise ModelError(
                f"the table of {self.pollutant} needs rising speeds and factors of at least 0"
            )


@dataclass(frozen=True, slots=True)
class EmergencyPlace:
    """A fire station or hospital, and the node of the network where its vehicles start."""

    kind: str
    asset_id: str
    name: str
    node_id: int
    away_m: float


def _no_ids() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


def _no_values() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Facts of the town that answers need; what is empty is not known, and answers say so.

    Parameters
    ----------
    zone_node : (zones,)
        Node ids of zones.
    residents : (zones,)
    places : tuple[EmergencyPlace, ...]
    reach_minutes : tuple[float, ...]
        Limits of the reach of emergency services, rising [min].
    peak_share : float
        Share of a day's trips in one hour of the demand; 0 if it is not known.
    band_link : (rows,)
        Links with a band of the calibration.
    band_label : tuple[str, ...]
        ``observed``, ``near`` (a counter) or ``inferred``.
    band_low_vehh, band_high_vehh : (rows,)
    emissions : tuple[EmissionTable, ...]
    """

    zone_node: NDArray[np.int64] = field(default_factory=_no_ids)
    residents: NDArray[np.float64] = field(default_factory=_no_values)
    places: tuple[EmergencyPlace, ...] = ()
    reach_minutes: tuple[float, ...] = ()
    peak_share: float = 0.0
    band_link: NDArray[np.int64] = field(default_factory=_no_ids)
    band_label: tuple[str, ...] = ()
    band_low_vehh: NDArray[np.float64] = field(default_factory=_no_values)
    band_high_vehh: NDArray[np.float64] = field(default_factory=_no_values)
    emissions: tuple[EmissionTable, ...] = ()
