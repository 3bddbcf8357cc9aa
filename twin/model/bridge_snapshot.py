"""All that a measures run reads of the bridges, as one text with one hash.

A run is asked with the hash: what is recorded later belongs to another question.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from twin.model.packing import flatten
from twin.model.structure import ModelLevel
from twin.model.structure_state import Line, LoadEffect

FORM = 1
"""Rises when more is read: an old answer is not the answer to the same question then."""
TABLES = (
    "vehicle_classes", "vehicle_templates", "sn_curves", "load_models", "load_model_parts",
    "fatigue_traffic",
)  # fmt: skip
"""Tables of the model that decide on effects and damage."""


@cache
def table_hashes() -> Mapping[str, str]:
    """SHA-256 of every table that decides on effects and damage, by name."""
    folder = files("twin") / "model" / "data"
    return MappingProxyType(
        {name: hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest() for name in TABLES}
    )


@dataclass(frozen=True, slots=True)
class KeptAttribute:
    """An attribute of a bridge as text, with the kind of its provenance and what it cites."""

    name: str
    value: str
    unit: str
    origin: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptPart:
    """The recorded structural model of one part, or why it has none.

    Parameters
    ----------
    part
        Number of the part structure; empty for the whole bridge.
    name
        As people call the part; empty for the whole bridge.
    links
        Directed links that the part carries, by registry id; empty if that is not recorded.
    refusal
        Why there is no model, English; empty if there is one.
    target
        Key of the load model of the target load level; empty if none is recorded.
    """

    part: str
    name: str = ""
    links: tuple[str, ...] = ()
    level: ModelLevel | None = None
    refusal: str = ""
    target: str = ""
    lines: tuple[Line, ...] = ()
    effects: tuple[LoadEffect, ...] = ()
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptRestriction:
    """A recorded restriction in force; ``kind`` is a key of the table ``restriction_kind``."""

    part: str
    kind: str
    value: float | None
    unit: str
    links: tuple[str, ...]
    vehicle_group: str
    remark: str
    origin: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptBridge:
    """One bridge: attributes, part structures with their models, restrictions in force."""

    asset_id: str
    name: str
    attributes: tuple[KeptAttribute, ...]
    parts: tuple[KeptPart, ...]
    restrictions: tuple[KeptRestriction, ...]

    def attribute(self, name: str) -> KeptAttribute | None:
        """The attribute of this name, or None."""
        return next((item for item in self.attributes if item.name == name), None)


@dataclass(frozen=True, slots=True)
class BridgeSnapshot:
    """The bridges of a base, as recorded when a question is asked.

    Parameters
    ----------
    day
        Day whose restrictions are in force: that of the roads of the base.
    is_day_of_base
        False where the base does not tell the day of its roads; then it is the day of the question.
    bridges
        By id of the asset.
    tables
        SHA-256 of the tables of the model, by name.
    """

    day: date
    is_day_of_base: bool
    bridges: tuple[KeptBridge, ...]
    tables: Mapping[str, str] = field(default_factory=table_hashes)
    form: int = FORM

    def sha256(self) -> str:
        """SHA-256 of all of it in hexadecimal.

        Examples
        --------
        >>> from datetime import date
        >>> one, other = (BridgeSnapshot(date(2026, 11, day), True, ()) for day in (1, 2))
        >>> one.sha256() == one.sha256(), one.sha256() == other.sha256()
        (True, False)
        """
        return hashlib.sha256(flatten(self)[0].encode()).hexdigest()
