"""Where a number comes from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from twin.errors import ModelError

ProvenanceKind = Literal["measured", "derived", "simulated", "estimated", "sourced"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A source that an attribute cites: a page, a report, a survey."""

    id: str
    title: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a value came about, by what or whom, and when.

    Parameters
    ----------
    kind
        Measured, derived, simulated, estimated or sourced.
    by
        Programme with version, sensor, or the reason of an estimate.
    references
        Ids of the cited `Reference` rows; at least one if ``kind`` is sourced.
    at
        When the value was obtained, if known.

    Raises
    ------
    ModelError
        If the kind is unknown or a sourced value cites nothing.
    """

    kind: ProvenanceKind
    by: str = ""
    references: tuple[str, ...] = ()
    at: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(ProvenanceKind):
            raise ModelError(
                f"provenance {self.kind!r} is unknown; use one of "
                f"{', '.join(get_args(ProvenanceKind))}"
            )
        if self.kind == "sourced" and not self.references:
            raise ModelError("a sourced value must cite at least one source; none is given")
