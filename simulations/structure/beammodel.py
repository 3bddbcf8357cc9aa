"""Levels L0 and L1: one continuous beam for the whole width."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beam import Beam, Segment, Support
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.influence import (
    STEP_M,
    UnitLoads,
    around_jump,
    load_stations,
    support_index,
)
from simulations.structure.levels import PER_KN, LaneLines, Wanted, check_effect, sum_up
from simulations.structure.loads import LaneLayout
from simulations.structure.modal import beam_modes
from simulations.structure.sentences import sentence
from twin.errors import NotAvailable
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
class BeamModel:
    """L0 and L1: one continuous beam for the whole width.

    Parameters
    ----------
    beam
        The beam.
    level
        ``L0`` where the beam itself is guessed, else ``L1``.
    notes
        Sentences about this bridge that every number carries besides the general ones.
    stiffness_band
        Least and greatest factor of the true stiffness.
    version
        Rises with each calibration.
    step_m
        Greatest step of the unit load [m].
    """

    beam: Beam
    level: ModelLevel = "L1"
    notes: tuple[str, ...] = ()
    stiffness_band: tuple[float, float] = (1.0, 1.0)
    version: int = 1
    step_m: float = STEP_M

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every number of it takes for granted."""
        return (sentence("linear"), sentence("one_beam"), sentence("static_loads"), *self.notes)

    @cached_property
    def _system(self) -> BeamSystem:
        return BeamSystem(self.beam)

    @property
    def spans_at_m(self) -> Floats:
        """Stations of the supports [m]."""
        return self.beam.support_stations_m

    def influence(self, section: Section, effect: Effect) -> tuple[InfluenceLine, ...]:
        """One line: what a unit load on the axis does at the section.

        Raises
        ------
        NotAvailable
            For strain on L0.
        ModelError
            If the section is off the bridge, no support is there, or the fibre is missing.
        """
        if effect == "strain" and self.level == "L0":
            raise NotAvailable(
                "strain on level L0: the section is not known; give section type and depth (L1)"
            )
        check_effect(effect, section)
        self._system.element_at(np.array([section.station_m]))
        if effect == "shear":
            stations = around_jump(load_stations(self.beam, step_m=self.step_m), section.station_m)
        else:
            stations = load_stations(self.beam, step_m=self.step_m, sections_m=[section.station_m])
        y = self._ordinates(UnitLoads(self._system, stations), section, effect)
        line = InfluenceLine(
            section.station_m, effect, stations, PER_KN[effect] * y, None, self.level,
            self.assumptions,
        )  # fmt: skip
        return (line,)

    def _ordinates(self, units: UnitLoads, section: Section, effect: Effect) -> Floats:
        at = np.array([section.station_m])
        match effect:
            case "reaction":
                return units.reactions()[support_index(self.beam, section.station_m)]
            case "shear":
                return units.shears(at)[0]
            case "deflection":
                return units.deflections(at)[0]
        moment = units.moments(at)[0]
        if effect == "moment":
            return moment
        stiffness = self.beam.segments[int(self.beam.segment_at(at)[0])].bending_nm2
        return moment * (section.fibre_m or 0.0) / stiffness

    def sections(self) -> Wanted:
        """Sections that matter: supports and the middle of each span."""
        stations = self.spans_at_m
        middles = (stations[1:] + stations[:-1]) / 2.0
        asked: tuple[tuple[Floats, Effect], ...] = (
            (stations, "reaction"),
            (middles, "moment"),
            (stations[1:-1], "moment"),
            (middles, "deflection"),
        )
        return tuple((Section(station), effect) for at, effect in asked for station in at.tolist())

    def effects(self, loads: LoadCase, wanted: Wanted | None = None) -> Effects:
        """What a load case does; at the sections that matter, or at those wanted."""
        asked = wanted or self.sections()
        return sum_up(self.influence, asked, loads, level=self.level, assumptions=self.assumptions)

    def modes(self, count: int) -> Modes:
        """Lowest modes of the bridge without vehicles."""
        frequency, station, shape = beam_modes(self.beam, count)
        said = (*self.assumptions, sentence("mass_consistent"))
        return Modes(frequency, station, np.zeros_like(station), shape, self.level, said)

    def lane_lines(
        self, section: Section, effect: Effect, layout: LaneLayout
    ) -> tuple[LaneLines, ...]:
        """The same line for every lane."""
        (line,) = self.influence(section, effect)
        return (LaneLines((line,) * layout.count, line),)

    def scaled(
        self, stiffness: float, *, springs: float = 1.0, notes: tuple[str, ...] = ()
    ) -> "BeamModel":
        """The next version, with stiffnesses times these factors and further notes."""
        segments = tuple(
            Segment(one.length_m, one.bending_nm2 * stiffness, one.mass_kg_per_m)
            for one in self.beam.segments
        )
        supports = tuple(
            Support(
                one.station_m, one.vertical_n_per_m * springs, one.rotation_nm_per_rad * springs
            )
            for one in self.beam.supports
        )
        return replace(
            self,
            beam=Beam(segments, supports, self.beam.hinges_m),
            notes=(*self.notes, *notes),
            version=self.version + 1,
        )
