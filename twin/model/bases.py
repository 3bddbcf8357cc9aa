"""Solved states of the traffic network, the bases that scenarios are compared with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType

from twin.model.network import Network
from twin.model.packing import flatten
from twin.model.provenance import Provenance
from twin.model.surroundings import Surroundings
from twin.model.traffic import Demand, TrafficResult

BASE_PART = "base"
"""Part of a stored base that holds its `TrafficBase`, packed."""
ROADS_DAY = "roads_day"
"""Figure of a base: day of its roads, in days since 1970-01-01."""
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficBase:
    """What a scenario starts from: network, demand, and their equilibrium with its paths.

    ``surroundings`` is what answers tell of the town beside its traffic.
    """

    network: Network
    demand: Demand
    state: TrafficResult
    surroundings: Surroundings = field(default_factory=Surroundings)

    def content_hash(self) -> str:
        """SHA-256 of network, demand, solved volumes and surroundings, in hexadecimal."""
        digest = hashlib.sha256()
        for part in (self.network.content_hash(), self.demand.content_hash()):
            digest.update(part.encode())
        for column in (self.state.link_id, self.state.volume_pceh, self.state.flow_vehh):
            digest.update(column.tobytes())
        text, columns = flatten(self.surroundings)
        if text != flatten(Surroundings())[0] or any(item.size for item in columns.values()):
            digest.update(text.encode())
            for column in columns.values():
                digest.update(column.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """What is said of a stored base without opening it.

    Parameters
    ----------
    name
        As scenarios name it, for example ``today``.
    content_hash
        `TrafficBase.content_hash`; part of the question that a run answers.
    engine, engine_version
        What solved it.
    figures, units
        Size, gap, and the errors of the calibration; unit by name where there is one.
    assumptions
        English sentences.
    provenance
        How it came about, and when.
    """

    name: str
    content_hash: str
    engine: str
    engine_version: str
    figures: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    assumptions: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=lambda: Provenance("estimated"))

    @property
    def roads_on(self) -> date | None:
        """Day of its roads; None where the base does not tell it."""
        return day_of(self.figures)


def roads_day(day: date) -> float:
    """Day as a figure of a base: days since 1970-01-01.

    Examples
    --------
    >>> from datetime import date
    >>> BaseFacts("a", "ab12", "e", "1", {ROADS_DAY: roads_day(date(2018, 6, 1))}).roads_on
    datetime.date(2018, 6, 1)
    """
    return float((day - _FIRST_DAY).days)


def day_of(figures: Mapping[str, float | None]) -> date | None:
    """Day of the roads in the figures of a base; None where they do not tell it.

    Examples
    --------
    >>> day_of({ROADS_DAY: 17683.0})
    datetime.date(2018, 6, 1)
    """
    days = figures.get(ROADS_DAY)
    return None if days is None else _FIRST_DAY + timedelta(days=round(days))


def is_same(one: BaseFacts, other: BaseFacts) -> bool:
    """Whether two bases say the same, whenever they were made.

    Examples
    --------
    >>> first = BaseFacts("today", "ab12", "e", "1", {})
    >>> is_same(first, BaseFacts("today", "ab12", "e", "2", {}))
    False
    """
    return _said(one) == _said(other)


def _said(facts: BaseFacts) -> tuple[object, ...]:
    figures = sorted((name, repr(float(value))) for name, value in facts.figures.items())
    return (
        facts.name,
        facts.content_hash,
        facts.engine,
        facts.engine_version,
        figures,
        dict(facts.units),
        facts.assumptions,
        facts.provenance.kind,
        facts.provenance.by,
    )


@dataclass(frozen=True, slots=True)
class StoredBase:
    """A base as it is kept; a later one of the same name has a higher version."""

    id: int
    version: int
    made_at: datetime
    facts: BaseFacts
