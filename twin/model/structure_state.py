"""What structural models say of the parts of a bridge: plain numbers to keep and to show.

Effects compare loads; they prove no resistance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.monitoring import StateRecord
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.structure import Effect, ModelLevel

NAME = "structure"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class UsedFact:
    """A recorded fact that the model rests on, or would rest on.

    ``origin`` is the kind of its provenance, ``references`` what it cites.
    """

    name: str
    value: str
    unit: str
    origin: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """An influence line as it is drawn: fewer stations than were computed with.

    Parameters
    ----------
    x_m, y : (n,)
        Rising stations of the load [m] and the effect per kN of load.
    """

    effect: Effect
    station_m: float
    x_m: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LoadEffect:
    """Extreme effects of a load model at one section.

    Parameters
    ----------
    load_model
        Key of ``load_models.csv``.
    greatest, least
        Extreme effects [unit of the effect].
    ratio
        Effect over that of the target load level on the side where that is greater; None where no
        target load level is recorded.
    """

    load_model: str
    effect: Effect
    station_m: float
    unit: str
    greatest: float
    least: float
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class ImposedEffect:
    """Extreme effects of an imposed deformation at one section, for comparison.

    Parameters
    ----------
    case
        Key of ``imposed_cases.csv``.
    greatest, least
        Extreme effects [unit of the effect]; they grow with the stiffness itself.
    ratio
        The larger amount over the effect of the target load level on the side where that is
        greater; None where no target load level is recorded.
    """

    case: str
    effect: Effect
    station_m: float
    unit: str
    greatest: float
    least: float
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Frequency:
    """One natural frequency: of the model from facts alone, calibrated, and measured [Hz].

    Parameters
    ----------
    predicted_hz, low_hz, high_hz
        From the recorded facts without any sensor, with the band of the stiffness.
    calibrated_hz
        Of the calibrated model; None without one.
    measured_hz, channel, count, is_compensated
        Mean of the measured ones at the last look, where it comes from, values behind it, and
        whether temperature was taken out; None and empty where none is measured.
    settled_hz
        The measured one that the assumptions speak of; another one once it moves materially.
    basis_hz, basis_channel, basis_is_compensated
        Mean that the calibration rests on, where it came from, and whether temperature was taken
        out; None and empty without one. It stays when another stream is measured now.
    """

    mode: int
    predicted_hz: float
    low_hz: float
    high_hz: float
    calibrated_hz: float | None = None
    measured_hz: float | None = None
    channel: str = ""
    count: int = 0
    is_compensated: bool = False
    basis_hz: float | None = None
    basis_channel: str = ""
    basis_is_compensated: bool = False
    settled_hz: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationNote:
    """How the stiffness was calibrated, or why that was refused.

    Parameters
    ----------
    factor, residual
        Factor on the stiffness and root mean square of the relative errors left; None if refused.
    deviation
        Standard deviation of the factor, root of its covariance; None where one frequency alone
        leaves no error to see.
    refusal
        Why there is no calibration, English; empty if there is one.
    override
        Who accepted a factor outside of 0.5 to 2, and why; empty if nobody had to.
    """

    factor: float | None = None
    residual: float | None = None
    deviation: float | None = None
    modes: int = 0
    refusal: str = ""
    override: str = ""


@dataclass(frozen=True, slots=True)
class StructureState:
    """The structural model of one part of a bridge, or why it has none.

    Parameters
    ----------
    part
        Number of the part structure; empty for the whole bridge.
    level
        Model level; None if no model stands for this part.
    version
        Version of the registered calibrated model that these numbers come from; None where they
        come from recorded facts alone.
    input_hash
        SHA-256 of everything that the numbers follow from.
    model_hash
        SHA-256 of what the model follows from: facts, tables, and the basis of its calibration.
    refusal
        Why there is no model, English; empty if there is one.
    missing
        What would allow which level: pairs of level and name of the fact.
    width_m
        Width on which load models drive [m].
    target
        Key of the load model of the target load level; empty if none is recorded.
    untyped
        Keys of load models whose loads nobody has typed from the standard yet.
    assumptions
        What every number takes for granted, English.
    measured_from_us, measured_until_us
        When the basis of the calibration was measured [us since 1970-01-01 UTC]; 0 without any.
    imposed, imposed_assumptions
        Effects of settlement and temperature cases, and what these numbers alone take for granted,
        English, beside ``assumptions``.
    """

    part: str
    level: ModelLevel | None
    version: int | None
    input_hash: str
    computed_us: int
    model_hash: str = ""
    refusal: str = ""
    missing: tuple[tuple[str, str], ...] = ()
    facts: tuple[UsedFact, ...] = ()
    spans_m: tuple[float, ...] = ()
    width_m: float | None = None
    target: str = ""
    untyped: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    effects: tuple[LoadEffect, ...] = ()
    frequencies: tuple[Frequency, ...] = ()
    calibration: CalibrationNote | None = None
    measured_from_us: int = 0
    measured_until_us: int = 0
    imposed: tuple[ImposedEffect, ...] = ()
    imposed_assumptions: tuple[str, ...] = ()

    @property
    def first_frequency(self) -> Frequency | None:
        """The first mode, if a model stands for this part."""
        return next((item for item in self.frequencies if item.mode == 1), None)


def record_of(
    parts: Iterable[StructureState], *, asset_id: str, at: datetime, name: str = NAME
) -> StateRecord:
    """Structural models of a bridge as the store keeps them."""
    return record_of_rows(
        name, map(asdict, parts), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def parts_of(record: StateRecord) -> tuple[StructureState, ...]:
    """The parts that a state record holds.

    Raises
    ------
    ModelError
        If it was written in another format or is damaged.
    """
    return rows_of(record, _part, format_version=FORMAT_VERSION)


def _part(row: Mapping[str, Any]) -> StructureState:
    read: dict[str, Any] = dict(row)
    for name in ("spans_m", "untyped", "assumptions"):
        read[name] = tuple(row[name])
    read["missing"] = tuple((level, fact) for level, fact in row["missing"])
    read["facts"] = tuple(
        UsedFact(**(item | {"references": tuple(item["references"])})) for item in row["facts"]
    )
    read["lines"] = tuple(
        Line(**(item | {"x_m": tuple(item["x_m"]), "y": tuple(item["y"])})) for item in row["lines"]
    )
    read["effects"] = tuple(LoadEffect(**item) for item in row["effects"])
    read["frequencies"] = tuple(Frequency(**item) for item in row["frequencies"])
    read["imposed"] = tuple(ImposedEffect(**item) for item in row.get("imposed", ()))
    read["imposed_assumptions"] = tuple(row.get("imposed_assumptions", ()))
    found = row["calibration"]
    read["calibration"] = None if found is None else CalibrationNote(**found)
    return StructureState(**read)
