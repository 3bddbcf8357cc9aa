"""What all levels share, and level L3: imported influence lines."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from simulations.structure.loads import LaneLayout
from simulations.structure.placement import summed
from simulations.structure.sentences import sentence
from twin.errors import ModelError, NotAvailable
from twin.model.structure import (
    EFFECT_UNITS,
    Effect,
    Effects,
    EffectValue,
    InfluenceLine,
    LoadCase,
    ModelLevel,
    Modes,
    Section,
)

Floats = NDArray[np.float64]
Wanted = tuple[tuple[Section, Effect], ...]

PER_KN = {"moment": 1.0, "shear": 1.0, "reaction": 1.0, "deflection": 1e6, "strain": 1e9}
"""From SI units per newton to the unit of `EFFECT_UNITS` per kilonewton."""
SAME_SECTION_M = 1e-3


@dataclass(frozen=True, slots=True)
class LaneLines:
    """Influence lines under the lanes of a carriageway, and under what is left over."""

    lanes: tuple[InfluenceLine, ...]
    rest: InfluenceLine | None


def check_effect(effect: str, section: Section) -> None:
    """Refuse an unknown effect, or strain without a fibre.

    Raises
    ------
    ModelError
        Naming the field and what it may be.
    """
    if effect not in EFFECT_UNITS:
        raise ModelError(f"effect is {effect!r}; use one of {', '.join(get_args(Effect))}")
    if effect == "strain" and (section.fibre_m is None or not np.isfinite(section.fibre_m)):
        raise ModelError("fibre_m is missing; strain needs the depth of a fibre below the axis")
    if not np.isfinite(section.station_m):
        raise ModelError(f"station_m is {section.station_m}; it must be a number")


def sum_up(
    influence: Callable[[Section, Effect], tuple[InfluenceLine, ...]],
    wanted: Wanted,
    loads: LoadCase,
    *,
    level: ModelLevel,
    assumptions: tuple[str, ...],
) -> Effects:
    """Effects of a load case at sections, from the lines of a model."""
    found = tuple(
        EffectValue(
            section, effect, summed(influence(section, effect), loads), EFFECT_UNITS[effect]
        )
        for section, effect in wanted
    )
    return Effects(found, level, assumptions)


@dataclass(frozen=True)
class LinesModel:
    """L3: influence lines from a recalculation, used as given and never computed anew.

    Parameters
    ----------
    lines
        The lines, with lanes where they differ by lane.
    source
        Document that they come from.
    """

    lines: tuple[InfluenceLine, ...]
    source: str
    version: int = 1
    level: ModelLevel = field(default="L3", init=False)

    def __post_init__(self) -> None:
        if not self.lines:
            raise ModelError("lines: an imported model needs at least one influence line")
        if not self.source.strip():
            raise ModelError("source is empty; name the document that the lines come from")

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Where the lines come from."""
        return (sentence("imported_lines", source=self.source),)

    @property
    def spans_at_m(self) -> Floats:
        """None: imported lines do not say where supports are."""
        return np.empty(0)

    def influence(self, section: Section, effect: Effect) -> tuple[InfluenceLine, ...]:
        """The imported lines of this section and effect.

        Raises
        ------
        NotAvailable
            If there is none; lists what there is.
        """
        found = tuple(
            replace(line, level="L3", assumptions=self.assumptions)
            for line in self.lines
            if line.effect == effect and abs(line.section_m - section.station_m) < SAME_SECTION_M
        )
        if not found:
            listed = sorted({f"{line.effect} at {line.section_m:g} m" for line in self.lines})
            raise NotAvailable(
                f"no imported line for {effect} at {section.station_m:g} m; there are "
                f"{', '.join(listed)}"
            )
        return found

    def effects(self, loads: LoadCase, wanted: Wanted | None = None) -> Effects:
        """What a load case does where there are lines."""
        pairs = {(line.section_m, line.effect) for line in self.lines}
        asked = wanted or tuple((Section(station), effect) for station, effect in sorted(pairs))
        return sum_up(self.influence, asked, loads, level=self.level, assumptions=self.assumptions)

    def modes(self, count: int) -> Modes:
        """Not available: lines hold no mass.

        Raises
        ------
        NotAvailable
            Always.
        """
        raise NotAvailable(
            f"{count} modes on level L3: imported influence lines hold neither mass nor stiffness"
        )

    def lane_lines(
        self, section: Section, effect: Effect, layout: LaneLayout
    ) -> tuple[LaneLines, ...]:
        """The imported lines by lane; a line without a lane serves them all.

        Raises
        ------
        NotAvailable
            If lines are missing for some lanes or for what is left over of the width.
        """
        lines = self.influence(section, effect)
        if lines[0].lane is None:
            return (LaneLines((lines[0],) * layout.count, lines[0]),)
        if len(lines) < layout.count or layout.rest_m > 0.0:
            raise NotAvailable(
                f"{layout.count} lanes and {layout.rest_m:g} m beside them; imported lines are for "
                f"{len(lines)} lane(s) alone"
            )
        return (LaneLines(lines, None),)
