"""Class of a weighed vehicle from its axle distances, and how that class shares its weight."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from twin.model.tables import rows

Floats = NDArray[np.float64]

FARTHEST_M = 1.5
OTHER = "other"


@dataclass(frozen=True, slots=True)
class AxleClass:
    """Template of ``vehicle_templates.csv``: key, axle distances [m], shares of the weight."""

    key: str
    spacing_m: tuple[float, ...]
    share: tuple[float, ...]
    is_verified: bool


@cache
def axle_classes() -> tuple[AxleClass, ...]:
    """All templates of the table."""
    return tuple(
        AxleClass(
            row["key"],
            tuple(float(part) for part in row["spacings_m"].split("|")),
            tuple(float(part) for part in row["load_shares"].split("|")),
            row["verified"] == "yes",
        )
        for row in rows("vehicle_templates")
    )


def classified(axle_offset_m: Floats) -> AxleClass:
    """The template with as many axles whose distances are nearest.

    Where no template has every distance within 1.5 m the vehicle is ``other``, with equal shares.

    Parameters
    ----------
    axle_offset_m : (k,)
        Distance of the axles behind the first one [m].

    Examples
    --------
    >>> classified(np.array([0.0, 2.7])).key, classified(np.array([0.0, 30.0])).key
    ('car', 'other')
    """
    spacing = np.diff(axle_offset_m)
    near = [
        (float(np.max(np.abs(spacing - np.array(one.spacing_m)))), one)
        for one in axle_classes()
        if len(one.spacing_m) == len(spacing) and len(spacing)
    ]
    best = min(near, key=lambda pair: pair[0], default=None)
    if best is None or best[0] > FARTHEST_M:
        count = len(axle_offset_m)
        return AxleClass(OTHER, tuple(spacing.tolist()), (1.0 / count,) * count, is_verified=False)
    return best[1]
