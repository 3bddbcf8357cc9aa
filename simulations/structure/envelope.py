"""Decisive placement of load models: greatest and least effect at sections, utilisation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from simulations.structure.levels import LaneLines
from simulations.structure.loads import (
    LaneLayout,
    LanePart,
    LoadModel,
    lane_layout,
    target_model,
)
from simulations.structure.placement import AdverseLine, Placement
from simulations.structure.sentences import sentence
from twin.errors import ModelError, NotAvailable
from twin.model.structure import EFFECT_UNITS, Effect, InfluenceLine, ModelLevel, Section
from twin.ports import StructuralModel

Floats = NDArray[np.float64]

NEAR_SUPPORT = 1e-6


class LaneModel(StructuralModel, Protocol):
    """Structural model that lays lanes on its carriageway."""

    @property
    def spans_at_m(self) -> Floats:
        """Stations of the supports [m]; empty if unknown."""
        ...

    def lane_lines(
        self, section: Section, effect: Effect, layout: LaneLayout
    ) -> Sequence[LaneLines]:
        """Return influence lines by lane, for each way to lay the lanes."""
        ...


@dataclass(frozen=True, slots=True)
class LaneShare:
    """What one lane of a load model adds: lane of the load model, path, and where it stands.

    ``lane`` None is the area beside the numbered lanes.
    """

    lane: int | None
    path: int | None
    placement: Placement


@dataclass(frozen=True, slots=True)
class Extreme:
    """An extreme effect and what makes it up."""

    value: float
    shares: tuple[LaneShare, ...]


@dataclass(frozen=True, slots=True)
class EnvelopePoint:
    """Greatest and least effect at one section; both are 0 where no load is adverse."""

    section: Section
    greatest: Extreme
    least: Extreme


@dataclass(frozen=True, slots=True)
class Envelope:
    """Extreme effects of a load model along a bridge, in the unit of the effect."""

    load_model: str
    effect: Effect
    unit: str
    points: tuple[EnvelopePoint, ...]
    level: ModelLevel
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Effect of traffic over the effect of a target load level: no proof of resistance."""

    ratio: float
    traffic: float
    reference: float
    unit: str
    load_model: str
    section: Section
    effect: Effect
    level: ModelLevel
    assumptions: tuple[str, ...]


def envelope(
    model: LaneModel,
    load_model: LoadModel,
    *,
    effect: Effect,
    sections: Sequence[Section],
    width_m: float,
    factor_length_m: float | None = None,
) -> Envelope:
    """Greatest and least effect of a load model at each section.

    Vehicles stand where they do most, either way round, or stay away; uniform load lies on adverse
    parts; lane 1 of the load model takes the most adverse lane.

    Parameters
    ----------
    model
        Bridge.
    load_model
        What drives over it.
    sections
        Where the effect is seen.
    width_m
        Width of the carriageway between kerbs [m].
    factor_length_m
        Length for the factor of the load model [m]. Default: the span of the section; at a support
        the mean of both spans (own reading of DIN 1072).

    Raises
    ------
    ModelError
        If there is no section or the width is not positive, or as the model's ``influence``.
    NotAvailable
        If the load model needs a length that the bridge does not tell.

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> from simulations.structure.beammodel import BeamModel
    >>> from simulations.structure.loads import load_model
    >>> bridge = BeamModel(continuous_beam([30.0], bending_nm2=51e9, mass_kg_per_m=15_000.0))
    >>> found = envelope(
    ...     bridge,
    ...     load_model("bk_60_30"),
    ...     effect="moment",
    ...     sections=[Section(15.0)],
    ...     width_m=6.0,
    ... )
    >>> round(found.points[0].greatest.value, 1)
    8872.8
    """
    if not sections:
        raise ModelError("sections: an envelope needs at least one section; none is given")
    layout = _used_layout(load_model, width_m)
    said = [*model.assumptions, *load_model.remarks]
    if load_model.lane_rule != "vehicle":
        said.append(
            sentence(
                "lanes_used",
                width=width_m,
                lanes=layout.count,
                lane=layout.lane_m,
                rest=layout.rest_m,
            )
        )
    points = []
    for section in sections:
        length = _factor_length(model, load_model, section, factor_length_m)
        ways = _ways(model, load_model, section, effect, layout)
        factor = load_model.factor(length)
        if load_model.factor_per_m:
            said.append(sentence("factor_length", factor=factor, length=length))
        points.append(
            EnvelopePoint(
                section,
                _extreme(ways, load_model, factor, layout, sign=1.0),
                _extreme(ways, load_model, factor, layout, sign=-1.0),
            )
        )
    return Envelope(
        load_model.key,
        effect,
        EFFECT_UNITS[effect],
        tuple(points),
        model.level,
        tuple(dict.fromkeys(said)),
    )


def utilisation(
    model: LaneModel,
    traffic: float,
    *,
    target_level: str,
    effect: Effect,
    section: Section,
    width_m: float,
) -> Utilisation:
    """Effect of traffic over the effect of the Ziellastniveau (target load level).

    Parameters
    ----------
    traffic
        Effect of traffic at the section [unit of the effect]; its sign chooses the side.
    target_level
        As the inventory names it, for example ``LM 1`` or ``BK 60/30``.
    width_m
        Width of the carriageway [m].

    Raises
    ------
    ModelError
        If the effect is not finite or the target level unknown.
    NotAvailable
        If the loads of the target level are not typed, or it has no effect of this sign here.
    """
    if not math.isfinite(traffic):
        raise ModelError(f"traffic is {traffic}; the effect of traffic must be a number")
    target = target_model(target_level)
    found = envelope(model, target, effect=effect, sections=[section], width_m=width_m)
    point = found.points[0]
    reference = (point.greatest if traffic >= 0.0 else point.least).value
    if abs(reference) <= NEAR_SUPPORT * max(1.0, abs(traffic)):
        raise NotAvailable(
            f"utilisation at {section.station_m:g} m: {target.english} has no {effect} of this "
            "sign there; choose another section"
        )
    said = (
        sentence("comparison"),
        sentence("target_reading", level=target_level, model=target.english),
        *found.assumptions,
    )
    return Utilisation(
        traffic / reference,
        traffic,
        reference,
        found.unit,
        target.key,
        section,
        effect,
        model.level,
        said,
    )


def _used_layout(load_model: LoadModel, width_m: float) -> LaneLayout:
    """Lanes that the load model numbers; the others join what is left over."""
    layout = lane_layout(width_m, load_model.lane_rule)
    numbered = sum(part.lane is not None for part in load_model.parts)
    spare = max(0, layout.count - numbered)
    return LaneLayout(
        layout.count - spare, layout.lane_m, max(0.0, layout.rest_m + spare * layout.lane_m)
    )


def _ways(
    model: LaneModel,
    load_model: LoadModel,
    section: Section,
    effect: Effect,
    layout: LaneLayout,
) -> tuple[LaneLines, ...]:
    """Ways to lay the lanes; a vehicle alone may take any lane of the model."""
    if load_model.lane_rule == "vehicle":
        return tuple(LaneLines((one,), None) for one in model.influence(section, effect))
    return tuple(model.lane_lines(section, effect, layout))


def _factor_length(
    model: LaneModel, load_model: LoadModel, section: Section, given_m: float | None
) -> float:
    if given_m is not None or not load_model.factor_per_m:
        return given_m or 0.0
    stations = model.spans_at_m
    if len(stations) < 2:  # noqa: PLR2004 - one span needs two ends
        raise NotAvailable(
            f"{load_model.english} needs a length for its factor; this model knows no spans, give "
            "factor_length_m"
        )
    spans = np.diff(stations)
    touched = (section.station_m >= stations[:-1] - NEAR_SUPPORT) & (
        section.station_m <= stations[1:] + NEAR_SUPPORT
    )
    return float(np.mean(spans[touched])) if np.any(touched) else float(spans.min())


def _extreme(
    ways: Sequence[LaneLines],
    load_model: LoadModel,
    factor: float,
    layout: LaneLayout,
    *,
    sign: float,
) -> Extreme:
    found = [_laid(lines, load_model, factor, layout, sign=sign) for lines in ways]
    best = max(found, key=lambda one: one.value)
    shares = tuple(
        LaneShare(
            one.lane,
            one.path,
            Placement(
                sign * one.placement.value,
                one.placement.first_axle_m,
                one.placement.is_backward,
            ),
        )
        for one in best.shares
    )
    return Extreme(sign * best.value, shares)


def _laid(
    lines: LaneLines, load_model: LoadModel, factor: float, layout: LaneLayout, *, sign: float
) -> Extreme:
    """Greatest sum over one way to lay the lanes: which lane of the load model lies where."""
    numbered = [part for part in load_model.parts if part.lane is not None]
    placed = _placed_by_path(lines.lanes, numbered, factor, layout, sign)
    gain = np.array([[one.value for one in row] for row in placed])
    rows, columns = linear_sum_assignment(gain, maximize=True)
    shares = [
        LaneShare(numbered[row].lane, lines.lanes[column].lane, placed[row][column])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    rest = next((part for part in load_model.parts if part.lane is None), None)
    if rest is not None and lines.rest is not None and layout.rest_m > 0.0:
        area = AdverseLine(lines.rest, sign).greatest(None, udl_knm=rest.udl_knm2 * layout.rest_m)
        shares.append(LaneShare(None, None, area))
    return Extreme(math.fsum(one.placement.value for one in shares), tuple(shares))


def _placed_by_path(
    lines: Sequence[InfluenceLine],
    parts: Sequence[LanePart],
    factor: float,
    layout: LaneLayout,
    sign: float,
) -> list[list[Placement]]:
    """Placement of each part of the load model on each path; equal lines are asked once."""
    adverse = {id(line): AdverseLine(line, sign) for line in lines}
    found: list[list[Placement]] = []
    for part in parts:
        known = {
            key: one.greatest(
                part.vehicle,
                udl_knm=part.udl_knm2 * layout.lane_m,
                vehicle_length_m=part.vehicle_length_m,
            )
            for key, one in adverse.items()
        }
        times = factor if part.lane == 1 else 1.0
        found.append(
            [
                Placement(
                    times * known[id(line)].value,
                    known[id(line)].first_axle_m,
                    known[id(line)].is_backward,
                )
                for line in lines
            ]
        )
    return found
