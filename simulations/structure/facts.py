"""From what an inventory knows of a bridge to a model on level L0 or L1, or the reason why not."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulations.structure.beam import Beam, continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.limits import SUM_SHARE, impossible, unread
from simulations.structure.modal import beam_modes
from simulations.structure.sentences import sentence
from twin.errors import ModelError, NotAvailable
from twin.model.assets import Asset
from twin.model.bridge import PartStructure
from twin.model.tables import rows

LARGEST_SKEW_DEG = 20.0
TYPICAL_HZ, TYPICAL_POWER = 95.4, -0.933
"""f1 = 95.4 L^-0.933 (EMPA report 211, 1983; main span in m; verify)."""
GUESSED_BAND = (0.5, 2.0)
MEASURED_BAND = (0.8, 1.25)
END_SPAN = 0.8
THREE_SPANS = 3
OTHER_WIDTHS = ("deck_width_m", "carriageway_width_m")
_SPANS = re.compile(r"\s*\d+(\.\d+)?(\s*\+\s*\d+(\.\d+)?)*\s*(\(|m\b|$)")


@dataclass(frozen=True, slots=True)
class BridgeFacts:
    """What is known of a bridge; None or empty where the source says nothing.

    Parameters
    ----------
    static_system
        ASB key of StatischesSystemInBauwerksachse, such as ``1.3``.
    system_words
        The system in English words, where there is no key.
    spans_m
        All spans [m], in order.
    length_m, span_count, width_m
        Total length [m], number of spans, width of the superstructure [m].
    material
        Key of ``bridge_materials.csv``; else it is read from the words.
    section_type, depth_m
        Key of ``section_types.csv`` and depth of the superstructure [m].
    mass_kg_per_m
        Mass per length [kg/m], if known.
    first_frequency_hz
        Measured first frequency of vertical bending [Hz].
    hinges_m
        Stations of Gerber hinges [m].
    skew_deg
        Skew of the supports [degree]; 0 is right-angled.
    other_widths
        Names and values [m] of recorded widths that are no width of the beam.
    problem
        Sentence on attributes that were recorded and cannot be used; no model is built then.
    """

    name: str = ""
    static_system: str = ""
    system_words: str = ""
    spans_m: tuple[float, ...] = ()
    length_m: float | None = None
    span_count: int | None = None
    width_m: float | None = None
    year_built: int | None = None
    material: str = ""
    section_type: str = ""
    depth_m: float | None = None
    mass_kg_per_m: float | None = None
    first_frequency_hz: float | None = None
    hinges_m: tuple[float, ...] = ()
    skew_deg: float | None = None
    is_curved: bool = False
    other_widths: tuple[tuple[str, float], ...] = ()
    problem: str = ""


def facts_of_part(part: PartStructure, *, first_frequency_hz: float | None = None) -> BridgeFacts:
    """Facts of a part structure of the inventory."""
    return BridgeFacts(
        name=part.name or part.part,
        static_system=part.static_system,
        system_words=" ".join(filter(None, (part.kind, part.construction))),
        spans_m=part.spans_m,
        length_m=part.length_m,
        width_m=part.width_m or part.total_width_m,
        year_built=part.year_built,
        first_frequency_hz=first_frequency_hz,
        skew_deg=part.skew_deg,
    )


def facts_of_asset(asset: Asset, *, first_frequency_hz: float | None = None) -> BridgeFacts:
    """Facts of an asset of a city folder, from its attributes.

    Spans are taken only where the text is a sum of lengths, such as ``65+115+65+40``. The width is
    that of one deck where it is recorded.
    """

    def number(name: str) -> float | None:
        found = asset.attribute(name)
        return float(found.value) if found and isinstance(found.value, (int, float)) else None

    def text(name: str) -> str:
        found = asset.attribute(name)
        return "" if found is None else str(found.value).strip()

    spans = text("spans_m")
    year, count, mass = number("construction_year"), number("span_count"), number("mass_t_m")
    listed = re.findall(r"\d+(?:\.\d+)?", spans.split("(")[0]) if _SPANS.match(spans) else []
    return BridgeFacts(
        name=asset.name,
        static_system=text("static_system"),
        system_words=text("structural_system"),
        spans_m=tuple(float(one) for one in listed),
        length_m=number("total_length_m"),
        span_count=None if count is None else int(count),
        width_m=number("deck_width_m") or number("width_m"),
        year_built=None if year is None else int(year),
        material=text("material"),
        section_type=text("section_type"),
        depth_m=number("structural_depth_m"),
        mass_kg_per_m=None if mass is None else 1000.0 * mass,
        first_frequency_hz=first_frequency_hz,
        hinges_m=_stations(text("hinges_m")),
        skew_deg=number("skew_deg"),
        is_curved=text("plan") == "curved",
        other_widths=tuple(
            (name, one) for name in OTHER_WIDTHS if (one := number(name)) is not None
        ),
        problem=unread(asset),
    )


def _stations(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in text.split(";") if one.strip())
    except ValueError:
        raise ModelError(f"hinges_m is {text!r}; write stations in metres such as 36;64") from None


def model_of(facts: BridgeFacts) -> BeamModel:
    """Beam model of a bridge: L1 where spans and stiffness are known, else L0.

    Raises
    ------
    NotAvailable
        For arches, frames, cables and trusses, skew above 20 degrees, curves, and where too little
        is known; says what is missing.
    ModelError
        If a value is impossible; names field and value.

    Examples
    --------
    >>> facts = BridgeFacts(
    ...     static_system="1.3", spans_m=(24.0, 30.0, 24.0), width_m=12.0, material="concrete",
    ...     first_frequency_hz=4.1,
    ... )
    >>> model = model_of(facts)
    >>> model.level, model.modes(1).frequency_hz.round(6)
    ('L1', array([4.1]))
    """
    _check(facts)
    _refuse(facts)
    spans, is_known, notes = _spans(facts)
    _check_spans(facts, spans)
    material = _material(facts)
    mass, said = _mass(facts, material)
    notes += said
    stiffness, is_measured, band, said = _stiffness(facts, spans, mass, material)
    notes += said
    is_guess = not (is_measured or (facts.section_type and facts.depth_m))
    if not is_known or is_guess:
        notes.insert(0, sentence("stiffness_guessed" if is_known else "ranking_only"))
    if band != (1.0, 1.0):
        notes.append(sentence("stiffness_band", low=band[0], high=band[1]))
    beam = _beam(facts, spans, stiffness, mass)
    level = "L1" if is_known and not is_guess else "L0"
    return BeamModel(beam, level, notes=tuple(notes), stiffness_band=band)


def _check(facts: BridgeFacts) -> None:
    """Refuse facts that cannot be, all at once."""
    mass = facts.mass_kg_per_m
    values = {
        "total_length_m": facts.length_m,
        "width_m": facts.width_m,
        "structural_depth_m": facts.depth_m,
        "mass_t_m": None if mass is None else mass / 1000.0,
        "first_frequency_hz": facts.first_frequency_hz,
        "skew_deg": facts.skew_deg,
        **dict(facts.other_widths),
    }
    who = facts.name or "this bridge"
    found = impossible(who, values, spans_m=facts.spans_m, depth_m=facts.depth_m)
    problems = [*filter(None, (facts.problem, found))]
    if not problems and facts.spans_m and facts.length_m:
        total = math.fsum(facts.spans_m)
        if max(total, facts.length_m) > (1.0 + SUM_SHARE) * min(total, facts.length_m):
            share = 100.0 * SUM_SHARE
            problems.append(
                sentence("refused_sum", who=who, sum=total, length=facts.length_m, most=share)
            )
    if facts.span_count is not None and (
        facts.span_count < 1 or (facts.spans_m and facts.span_count != len(facts.spans_m))
    ):
        problems.append(f"span_count is {facts.span_count} with {len(facts.spans_m)} spans_m")
    if facts.section_type and facts.section_type not in _table("section_types"):
        problems.append(f"section_type {facts.section_type!r} is unknown")
    if facts.material and facts.material not in _table("bridge_materials"):
        problems.append(f"material {facts.material!r} is unknown")
    if problems:
        raise ModelError("\n".join(problems))


def _check_spans(facts: BridgeFacts, spans: list[float]) -> None:
    """Refuse spans that follow from length and number and cannot be."""
    who = facts.name or "this bridge"
    found = impossible(who, {}, spans_m=spans, depth_m=facts.depth_m)
    if found:
        raise ModelError(found)


def _table(name: str) -> Mapping[str, Mapping[str, str]]:
    return {row["key"]: row for row in rows(name)}


def _refuse(facts: BridgeFacts) -> None:
    """Refuse what no beam can stand for."""
    who = facts.name or "this bridge"
    if facts.is_curved:
        raise NotAvailable(sentence("refused_curved", who=who))
    if facts.skew_deg is not None and abs(facts.skew_deg) > LARGEST_SKEW_DEG:
        raise NotAvailable(
            sentence("refused_skew", who=who, skew=facts.skew_deg, most=LARGEST_SKEW_DEG)
        )
    key, words = facts.static_system, facts.system_words.lower()
    if key and key.split(".")[0] != "1":
        _refuse_words(who, words, has_hinges=True)
        raise NotAvailable(sentence("refused_system", who=who, system=key))
    has_hinges = key.startswith("1.3.1") or re.search("hinge|gelenk", words) is not None
    if not key:
        _refuse_words(who, words, has_hinges=has_hinges)
    if has_hinges and not facts.hinges_m:
        raise NotAvailable(sentence("refused_hinges", who=who))


def _refuse_words(who: str, words: str, *, has_hinges: bool) -> None:
    """Refuse words for arches, trusses, cables and frames, and words that say no system."""
    known = _systems(words)
    if not known and not has_hinges:
        raise NotAvailable(sentence("refused_unknown", who=who, words=words or "-"))
    for row in known:
        if row["is_beam"] == "yes":
            return
        if row["words"].startswith("cantilever") and has_hinges:
            continue
        raise NotAvailable(sentence("refused_words", who=who, why=row["english"]))


def _systems(words: str) -> list[Mapping[str, str]]:
    return [row for row in rows("structural_systems") if re.search(f"({row['words']})", words)]


def may_be_beam(facts: BridgeFacts) -> bool:
    """Whether more facts could lead to a beam; False for arches, trusses, cables, skew and curves.

    Examples
    --------
    >>> may_be_beam(BridgeFacts(static_system="1.3")), may_be_beam(BridgeFacts(static_system="2.1"))
    (True, False)
    """
    words = facts.system_words.lower()
    try:
        _refuse(replace(facts, hinges_m=facts.hinges_m or (1.0,)))
    except NotAvailable:
        is_unknown = not (facts.static_system or _systems(words))
        return is_unknown and not facts.is_curved and facts.skew_deg is None
    return True


def _spans(facts: BridgeFacts) -> tuple[list[float], bool, list[str]]:
    """Spans [m], whether they are known, and what to say."""
    notes = []
    if not facts.static_system:
        notes.append(sentence("continuity_assumed"))
    if facts.spans_m:
        return list(facts.spans_m), True, notes
    count = 1 if facts.static_system == "1.1" else facts.span_count
    if facts.length_m is None or count is None:
        who = facts.name or "this bridge"
        raise NotAvailable(sentence("refused_spans", who=who))
    if count < THREE_SPANS:
        spans = [facts.length_m / count] * count
    else:
        middle = facts.length_m / (count - 2 + 2 * END_SPAN)
        spans = [END_SPAN * middle, *[middle] * (count - 2), END_SPAN * middle]
    notes.append(sentence("spans_assumed", spans=" + ".join(f"{one:.1f}" for one in spans)))
    return spans, False, notes


def _material(facts: BridgeFacts) -> Mapping[str, str]:
    table = _table("bridge_materials")
    if facts.material:
        return table[facts.material]
    if facts.section_type:
        return table[_table("section_types")[facts.section_type]["material"]]
    for row in table.values():
        if re.search(rf"({row['words']})", facts.system_words.lower()):
            return row
    who = facts.name or "this bridge"
    raise NotAvailable(sentence("refused_material", who=who))


def _mass(facts: BridgeFacts, material: Mapping[str, str]) -> tuple[float, list[str]]:
    if facts.mass_kg_per_m is not None:
        return facts.mass_kg_per_m, []
    if facts.width_m is None:
        who = facts.name or "this bridge"
        raise NotAvailable(sentence("refused_mass", who=who))
    mass_t = float(material["mass_t_m2"]) * facts.width_m
    return 1000.0 * mass_t, [sentence("mass_estimated", mass=mass_t)]


def _stiffness(
    facts: BridgeFacts, spans: list[float], mass: float, material: Mapping[str, str]
) -> tuple[float, bool, tuple[float, float], list[str]]:
    """E I [N m2], whether it is measured, its band, and what to say."""
    if facts.first_frequency_hz is not None:
        frequency = facts.first_frequency_hz
        band = MEASURED_BAND if facts.mass_kg_per_m is None else (1.0, 1.0)
        said = [sentence("stiffness_measured", frequency=frequency, mass=mass / 1000.0)]
        return _fitted(facts, spans, mass, frequency), True, band, said
    if facts.section_type and facts.depth_m is not None and facts.width_m is not None:
        factor = float(_table("section_types")[facts.section_type]["inertia_factor"])
        inertia = factor * facts.width_m * facts.depth_m**3
        said = [sentence("stiffness_depth", depth=facts.depth_m)]
        return 1e9 * float(material["elastic_gpa"]) * inertia, False, GUESSED_BAND, said
    frequency = TYPICAL_HZ * max(spans) ** TYPICAL_POWER
    said = [sentence("stiffness_length", frequency=frequency)]
    return _fitted(facts, spans, mass, frequency), False, GUESSED_BAND, said


def _fitted(facts: BridgeFacts, spans: list[float], mass: float, frequency_hz: float) -> float:
    """E I with which the first frequency is this one; it grows with the root of E I."""
    trial = mass * max(spans) ** 4
    found, _, _ = beam_modes(_beam(facts, spans, trial, mass), 1)
    return trial * (frequency_hz / float(found[0])) ** 2


def _beam(facts: BridgeFacts, spans: list[float], stiffness: float, mass: float) -> Beam:
    hinges = list(facts.hinges_m)
    if facts.static_system == "1.2":
        hinges = [math.fsum(spans[:index]) for index in range(1, len(spans))]
    return continuous_beam(spans, bending_nm2=stiffness, mass_kg_per_m=mass, hinges_m=hinges)
