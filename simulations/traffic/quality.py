"""Labels of service quality, given only where a verified limit and junction data exist."""

from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import FloatArray, IdArray
from twin.errors import ModelError
from twin.model.tables import rows as table

LINK_INDICATION = "streckenbezogener Hinweis"
"""What a statement on a link without junction data is called in German."""
_SATURATION_BANDS = (0.5, 0.7, 0.85, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class LinkIndication:
    """Neutral numbers of links without junction data; no letters.

    Parameters
    ----------
    saturation, travel_time_index : (links,)
        Volume over capacity, and time over time of the empty link (NaN where that is 0).
    band : (links,)
        0 to 4 by saturation.
    label, limits
        What it is called, and the upper limits of the first four bands.
    """

    saturation: FloatArray
    travel_time_index: FloatArray
    band: IdArray
    label: str = LINK_INDICATION
    limits: tuple[float, ...] = _SATURATION_BANDS


def junction_level(delay_s: float, *, scheme: str, facility: str) -> str:
    """Letter of service quality for the mean delay of a junction approach.

    Parameters
    ----------
    delay_s
        From a signal plan or priority rule, turning flows and lanes; never from a link's time.
    scheme, facility
        Rows of ``twin/model/data/los_limits.csv``.

    Raises
    ------
    ModelError
        If the scheme is unknown, one of its limits is unverified, or the delay is no number.

    Examples
    --------
    >>> junction_level(36.0, scheme="hcm", facility="signal")
    'D'
    """
    limits = _limits(scheme, facility)
    if not np.isfinite(delay_s) or delay_s < 0.0:
        raise ModelError(f"the delay is {delay_s:g} s; give a finite one of at least 0")
    return next((level for level, limit in limits if delay_s <= limit), "F")


def _limits(scheme: str, facility: str) -> list[tuple[str, float]]:
    rows = [
        row for row in table("los_limits") if (row["scheme"], row["facility"]) == (scheme, facility)
    ]
    if not rows:
        known = sorted({f"{row['scheme']}/{row['facility']}" for row in table("los_limits")})
        raise ModelError(f"no limits for {scheme}/{facility}; known: {', '.join(known)}")
    open_rows = [row["level"] for row in rows if row["verified"] != "true"]
    if open_rows:
        raise ModelError(
            f"limits {', '.join(open_rows)} of {scheme}/{facility} are not verified; check them "
            "against the standard and set verified in los_limits.csv"
        )
    return [(row["level"], float(row["upper_limit"])) for row in rows]


def link_indication(
    *, volume_pceh: FloatArray, capacity_pceh: FloatArray, time_s: FloatArray, t0_s: FloatArray
) -> LinkIndication:
    """Saturation, travel-time index and a neutral band for links, (links,) each.

    Examples
    --------
    >>> link_indication(volume_pceh=np.array([900.0]), capacity_pceh=np.array([1000.0]),
    ...     time_s=np.array([66.0]), t0_s=np.array([60.0])).band.tolist()
    [3]
    """
    nan = np.full(time_s.size, np.nan)
    saturation = np.divide(volume_pceh, capacity_pceh, out=nan.copy(), where=capacity_pceh > 0.0)
    index = np.divide(time_s, t0_s, out=nan, where=t0_s > 0.0)
    band = np.searchsorted(_SATURATION_BANDS, np.nan_to_num(saturation), side="left")
    return LinkIndication(saturation, index, band.astype(np.int64))


def speed_band(speed_kmh: FloatArray, free_speed_kmh: FloatArray) -> IdArray:
    """Band 0 (standstill) to 4 (free) of measured speeds as a share of the free speed, (rows,).

    Examples
    --------
    >>> speed_band(np.array([2.0, 30.0, 48.0]), np.full(3, 50.0)).tolist()
    [0, 2, 4]
    """
    limits = [limit / 100.0 for _, limit in _limits("free_speed_share", "link")]
    return np.searchsorted(limits, speed_kmh / free_speed_kmh, side="right").astype(np.int64)
