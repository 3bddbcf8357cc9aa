"""What the joint analysis knows of one part structure: models, details, restrictions in force."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from simulations.structure.details import FatigueDetail, NotAssessable
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.structure import Effect, InfluenceLine

RestrictionKind = Literal[
    "speed", "no_passage", "axle_load", "gross_weight", "height", "width", "length",
    "overtaking", "minimum_speed", "distance", "other",
]  # fmt: skip
OF_ASB_KEY: Mapping[str, RestrictionKind] = MappingProxyType({
    "1": "other", "2": "speed", "3": "no_passage", "4": "axle_load", "5": "gross_weight",
    "6": "height", "7": "width", "8": "length", "9": "overtaking", "10": "minimum_speed",
    "11": "distance", "12": "other",
})  # fmt: skip
"""Kind by key of the table ``restriction_kind`` of ASB-ING."""
_NO_LANES: Mapping[str, tuple[int, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RestrictionCase:
    """A restriction in force on a part structure, recorded or only known to the road network.

    Parameters
    ----------
    kind
    value, unit
        Extent: ``t`` for masses, ``km/h``, ``m``; None where the kind has none.
    links
        Link ids of the network that it acts on; empty for all links of the part.
    exempt
        Names of vehicle classes that it does not bind.
    source
        Where it is recorded, as text: a reference of the registry, or the road network.
    """

    kind: RestrictionKind
    value: float | None = None
    unit: str = ""
    links: tuple[int, ...] = ()
    exempt: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class TargetEffect:
    """The effect of the target load level at one section, and the lines to compare it with.

    Parameters
    ----------
    lines
        One per lane, or one without a lane for all of them; all of one effect and section.
    target
        Name of the load model of the target load level.
    reference
        Its extreme effect at the section [unit of the effect]; the side of its sign counts.
    """

    lines: tuple[InfluenceLine, ...]
    target: str
    reference: float

    def __post_init__(self) -> None:
        _require_one_section(self.lines, self.target)
        if not math.isfinite(self.reference) or self.reference == 0.0:
            raise ModelError(
                f"the effect of {self.target} is {self.reference!r}; give a number other than zero"
            )

    @property
    def effect(self) -> Effect:
        """What is seen."""
        return self.lines[0].effect

    @property
    def station_m(self) -> float:
        """Station of the section [m]."""
        return self.lines[0].section_m


@dataclass(frozen=True, slots=True)
class BridgeCase:
    """One part structure of a bridge as the joint analysis sees it.

    Parameters
    ----------
    asset_id, part_id
        As in the hand-over rows of traffic; the same id twice where a bridge is one part.
    name
        As people call it.
    length_m
        Length of the bridge; None if it is not recorded (no restriction that needs it acts).
    lanes
        Lanes of the carriageway, both directions.
    lanes_of
        Lanes, as influence lines count them, of the first, second ... lane of a direction; left
        out, they are 1, 2 ...
    along
        +1 where the direction follows the stationing, -1 against it; directions that are left out
        follow it.
    level
        Model level; empty without a model.
    lines
        Influence lines of moments, one tuple per section: damage can be compared with them even
        where no detail is known.
    details
        Details with section modulus and S-N curve.
    excluded
        Details that are known and cannot be assessed, with the reason.
    targets
        Effects of the target load level; empty if none is recorded.
    no_target
        Why there is none; None if there is one.
    restrictions
        In force in the base.
    assumptions
        English sentences.
    refusal
        Why no model stands for this part; None if one does.
    """

    asset_id: str
    part_id: str
    name: str
    length_m: float | None = None
    lanes: int = 1
    lanes_of: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NO_LANES)
    along: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    level: str = ""
    lines: tuple[tuple[InfluenceLine, ...], ...] = ()
    details: tuple[FatigueDetail, ...] = ()
    excluded: tuple[NotAssessable, ...] = ()
    targets: tuple[TargetEffect, ...] = ()
    no_target: Phrase | None = None
    restrictions: tuple[RestrictionCase, ...] = ()
    assumptions: tuple[str, ...] = ()
    refusal: Phrase | None = None

    def __post_init__(self) -> None:
        for section in self.lines:
            _require_one_section(section, self.part_id)
        if self.refusal is None and not (self.lines or self.details):
            raise ModelError(
                f"{self.part_id}: a part without influence lines needs a refusal that says why"
            )
        if self.refusal is not None and (self.lines or self.details or self.targets):
            raise ModelError(f"{self.part_id}: a part with a model has no refusal")
        if self.length_m is not None and not (math.isfinite(self.length_m) and self.length_m > 0.0):
            raise ModelError(f"{self.part_id}: length_m is {self.length_m!r}, it must be positive")


def require_unique(cases: Iterable[BridgeCase]) -> None:
    """Refuse two cases of the same part structure; names all of them.

    Raises
    ------
    ModelError
        If a part occurs twice.
    """
    seen: set[str] = set()
    double = sorted({one.part_id for one in cases if one.part_id in seen or seen.add(one.part_id)})
    if double:
        raise ModelError(f"part(s) described twice: {', '.join(double)}; keep one case of each")


def _require_one_section(lines: Sequence[InfluenceLine], where: str) -> None:
    lanes = [line.lane for line in lines]
    if not lanes or len(set(lanes)) != len(lanes):
        raise ModelError(f"{where}: one influence line per lane is needed, got {lanes}")
    if len({(line.effect, line.section_m) for line in lines}) > 1:
        raise ModelError(f"{where}: lines of one tuple show one effect at one section")
