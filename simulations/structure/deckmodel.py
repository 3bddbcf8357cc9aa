"""Level L2: a grillage of girders and cross members, with one influence line per lane path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulations.structure.deck import Deck
from simulations.structure.grillage import Grillage, GrillageSystem
from simulations.structure.levels import PER_KN, LaneLines, Wanted, check_effect, sum_up
from simulations.structure.loads import LaneLayout
from simulations.structure.modal import element_masses, lowest_modes, pointing_up
from simulations.structure.sentences import sentence
from twin.errors import ModelError, NotAvailable
from twin.model.structure import (
    Effect,
    Effects,
    InfluenceLine,
    LoadCase,
    ModelLevel,
    Modes,
    Section,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GrillageModel:
    """L2: girders and cross members; lanes are paths on the deck.

    Parameters
    ----------
    grillage
        The grillage.
    lane_offsets_m
        Middle of each lane, to the left of the axis [m]; lane 1 at the right edge.
    notes
        Sentences about this bridge that every number carries besides the general ones.
    """

    grillage: Grillage
    lane_offsets_m: tuple[float, ...]
    notes: tuple[str, ...] = ()
    version: int = 1
    level: ModelLevel = field(default="L2", init=False)

    @cached_property
    def deck(self) -> Deck:
        """The factored grillage."""
        return Deck(GrillageSystem(self.grillage))

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every number of it takes for granted."""
        own = (sentence("linear"), sentence("grillage_members"), sentence("lever_rule"))
        return (*own, sentence("static_loads"), *self.notes)

    @property
    def spans_at_m(self) -> Floats:
        """Stations of the bearings of the first girder [m]."""
        held = {one.node for one in self.grillage.supports}
        nodes = [node for node in self.grillage.grid[0].tolist() if node in held]
        return self.grillage.x_m[nodes]

    def influence(self, section: Section, effect: Effect) -> tuple[InfluenceLine, ...]:
        """One line per lane.

        Raises
        ------
        ModelError
            If girder, station or fibre are missing or do not exist.
        """
        return tuple(
            self.line_along(section, effect, offset_m=offset, lane=number)
            for number, offset in enumerate(self.lane_offsets_m, start=1)
        )

    def line_along(
        self, section: Section, effect: Effect, *, offset_m: float, lane: int | None = None
    ) -> InfluenceLine:
        """Line of a path at this distance to the left of the axis [m]."""
        return self._lines(section, effect, ((offset_m, lane),))[0]

    def _lines(
        self, section: Section, effect: Effect, paths: Sequence[tuple[float, int | None]]
    ) -> tuple[InfluenceLine, ...]:
        check_effect(effect, section)
        surface = self.deck.surface(section, effect) * PER_KN[effect]
        return tuple(
            InfluenceLine(
                section.station_m, effect, *self.deck.path(surface, offset), lane, self.level,
                self.assumptions,
            )
            for offset, lane in paths
        )  # fmt: skip

    def sections(self) -> Wanted:
        """Sections that matter: bearings and the middle of each span, of each girder."""
        stations = self.spans_at_m
        middles = (stations[1:] + stations[:-1]) / 2.0
        asked: tuple[tuple[Floats, Effect], ...] = (
            (stations, "reaction"),
            (middles, "moment"),
            (middles, "deflection"),
        )
        begins = self.grillage.x_m[self.grillage.grid[:, 0]]
        return tuple(
            (Section(station + shift, girder), effect)
            for girder, shift in enumerate((begins - begins[0]).tolist(), start=1)
            for at, effect in asked
            for station in at.tolist()
        )

    def effects(self, loads: LoadCase, wanted: Wanted | None = None) -> Effects:
        """What a load case does; at the sections that matter, or at those wanted.

        Raises
        ------
        ModelError
            If a load stands in a lane that the model does not have.
        """
        lanes = np.union1d(loads.point_lane, loads.line_lane)
        unknown = [int(one) for one in lanes if not 1 <= one <= len(self.lane_offsets_m)]
        if unknown:
            raise ModelError(
                f"lane {unknown[0]} does not exist; this deck has lanes 1 to "
                f"{len(self.lane_offsets_m)}"
            )
        asked = wanted or self.sections()
        return sum_up(self.influence, asked, loads, level=self.level, assumptions=self.assumptions)

    def modes(self, count: int) -> Modes:
        """Lowest modes of the deck without vehicles.

        Raises
        ------
        NotAvailable
            If the girders have no mass.
        """
        grillage = self.grillage
        if not np.any(grillage.mass_kg_per_m > 0.0):
            raise NotAvailable("modes: the girders have no mass; give girder_mass_kg_per_m")
        system = self.deck.system
        masses = np.zeros((len(grillage.tail), 6, 6))
        bending = np.ix_(range(len(grillage.tail)), [0, 1, 3, 4], [0, 1, 3, 4])
        masses[bending] = element_masses(grillage.lengths_m, grillage.mass_kg_per_m)
        turned = system.turns
        mass = system.sparse(np.swapaxes(turned, 1, 2) @ masses @ turned)
        found = lowest_modes(system.stiffness, mass, solve=system.inverse, count=count)
        whole = np.zeros((count, system.size))
        whole[:, system.free] = found.shape
        said = (*self.assumptions, sentence("mass_consistent"))
        return Modes(
            found.frequency_hz, grillage.x_m, grillage.y_m, pointing_up(whole[:, ::3]), self.level,
            said,
        )  # fmt: skip

    def lane_lines(
        self, section: Section, effect: Effect, layout: LaneLayout
    ) -> tuple[LaneLines, ...]:
        """Lanes packed to the right edge, and to the left; the carriageway lies in the middle."""
        width = layout.count * layout.lane_m + layout.rest_m
        steps = layout.lane_m * (np.arange(layout.count) + 0.5) - width / 2.0
        rest = (width - layout.rest_m) / 2.0
        found = []
        for side in (1.0, -1.0):
            paths = [(side * float(one), number) for number, one in enumerate(steps, start=1)]
            lines = self._lines(section, effect, [*paths, (side * rest, None)])
            found.append(LaneLines(lines[:-1], lines[-1] if layout.rest_m > 0.0 else None))
        return tuple(found)
