"""From cause to effect in sentences, and the findings of one part structure."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from simulations.measures.document import Cause, Found
from simulations.measures.joint import Joint, PartFound
from simulations.measures.met import MetRestriction
from simulations.measures.words import Said, in_both, say
from twin.model.scenario_words import sentence
from twin.model.structure import EFFECT_UNITS

HEAVY_LIMIT_T = 30.0
LIKE_BEFORE = 1.02
"""Factors of damage up to this are no finding."""
OVER_TARGET = 1.0
MOST_PAIRS = 3
"""Pairs of zones that the sentence of a bridge names; the table of causes has more."""
_SECTION = re.compile(r"([a-z]+) at ([\d.]+) m")

_LIMITS = {
    "limit_weight": ("gross_weight", "mass_t"),
    "limit_axle": ("axle_load", "axle_t"),
    "limit_height": ("height", "height_m"),
}
"""Kind of the restriction and parameter of each measure that is a limit."""

Severity = Literal["info", "warning", "critical"]
_Add = Callable[[Severity, Said], None]


def measure_said(joint: Joint) -> Said:
    """The measures of a scenario in words."""
    names = joint.names
    return in_both(
        *(
            " ".join(
                sentence(item, language=language, names=names)
                for item in joint.scenario.interventions
            )
            for language in ("en", "de")
        )
    )


def chain(part: PartFound, joint: Joint) -> list[Said]:
    """What happens to a part, from the measure to its effect; empty where nothing happens."""
    flows, day, name = part.flows, joint.sides.day_factor, part.case.name
    if day is None or part.role == "unchanged":
        return []
    first = next(one for one in joint.parts if one.case.asset_id == part.case.asset_id)
    if part.is_whole and first is not part:
        return [say("chain.same", name=first.case.name), *_effects(part)]
    gain = flows.gain_vehh * day
    out: list[Said] = []
    if gain > 0.0:
        whole = _whole(part, gain)
        out += [] if whole is None else [whole]
        out.append(say("chain.adds", vehicles=_whole_number(gain), name=name,
                       targets=_targets(joint)))  # fmt: skip
    elif gain < 0.0 and part.role == "target":
        out.append(say("chain.takes", measure=measure_said(joint), vehicles=_whole_number(-gain),
                       name=name))  # fmt: skip
    elif gain < 0.0:
        out.append(say("chain.relieves", vehicles=_whole_number(-gain), name=name,
                       targets=_targets(joint)))  # fmt: skip
    before, after = flows.above_vehh(HEAVY_LIMIT_T)
    more = (after - before) * day
    if round(abs(more)) >= 1:
        key = "chain.above" if more > 0.0 else "chain.fewer"
        out.append(say(key, vehicles=_whole_number(abs(more)), limit=HEAVY_LIMIT_T))
    return [*out, *_effects(part)]


def _whole(part: PartFound, gain: float) -> Said | None:
    """The chain in one sentence: lorries, from where, how many are heavy, what they do."""
    if not part.causes:
        return None
    one, two = part.flows.above_vehh(HEAVY_LIMIT_T)
    scale = gain / part.flows.gain_vehh
    return say(
        "chain.whole",
        vehicles=_whole_number(gain),
        pairs=_pairs(part.causes[:MOST_PAIRS]),
        above=_whole_number(max((two - one) * scale, 0.0)),
        effect=_effect(part),
    )


def _pairs(causes: tuple[Cause, ...]) -> Said:
    """The largest pairs of zones, each with its own share of the vehicles."""
    told = [
        say(
            "word.pair",
            vehicles=_whole_number(one["heavy_vehd"] or 0.0),
            origin=one["origin_name"],
            destination=one["destination_name"],
        )
        for one in causes
    ]
    return in_both(", ".join(one["en"] for one in told), ", ".join(one["de"] for one in told))


def _effect(part: PartFound) -> Said:
    told = part.damage
    if told is None:
        return say("effect.none")
    if told.factor is None:
        return say("effect.new" if told.scenario > 0.0 else "effect.none")
    if told.status == "assessed":
        return say("effect.damage", factor=told.factor)
    return say("effect.relative", low=min(told.factors), high=max(told.factors))


def _effects(part: PartFound) -> list[Said]:
    out: list[Said] = []
    told, used = part.damage, part.utilisation
    if told is not None and told.factor is None and told.scenario > 0.0:
        out.append(say("chain.new", detail=detail_said(told.detail)))
    if told is not None and told.factor is not None:
        if told.status == "assessed":
            out.append(say("chain.damage", detail=detail_said(told.detail), factor=told.factor))
        else:
            out.append(
                say("chain.relative", detail=detail_said(told.detail), low=min(told.factors),
                    high=max(told.factors))
            )  # fmt: skip
    if used is not None:
        out.append(
            say("chain.utilisation", effect=say(f"word.{used.target.effect}"),
                target=used.target.target, base=used.base, scenario=used.scenario)
        )  # fmt: skip
    return out


def findings(part: PartFound, joint: Joint) -> list[Found]:
    """What somebody should look at: bridges beside the measure that get more, limits met."""
    out: list[Found] = []
    day, name = joint.sides.day_factor, part.case.name

    def add(severity: Severity, text: Said) -> None:
        out.append({"asset": part.case.asset_id, "severity": severity, "text": text})

    if day is not None:
        flows = part.flows
        if part.role == "detour" and flows.base_heavy_vehh <= flows.heavy_floor_vehh:
            add(
                "warning",
                say("finding.newly_loaded", name=name,
                    vehicles=_whole_number(flows.scenario_heavy_vehh * day)),
            )  # fmt: skip
        for one in part.met:
            _tell_met(one, name, day, add)
    told = part.damage
    if part.role == "detour" and told is not None and (told.factor or 0.0) > LIKE_BEFORE:
        if told.status == "assessed":
            add("warning", say("finding.damage_up", name=name, factor=told.factor or 0.0,
                               detail=detail_said(told.detail)))  # fmt: skip
        else:
            add("info", say("finding.relative_up", name=name, low=min(told.factors),
                            high=max(told.factors)))  # fmt: skip
    used = part.utilisation
    if used is not None and used.scenario > OVER_TARGET and used.scenario > used.base:
        add("critical", say("finding.over_target", name=name, ratio=used.scenario,
                            target=used.target.target, base=used.base))  # fmt: skip
    return out


def is_of_traffic(found: Found) -> bool:
    """Whether a finding tells of vehicles, which parts of one bridge may share."""
    return found["text"]["key"] in ("finding.newly_loaded", "finding.violated", "finding.avoided")


def without_effect(part: PartFound) -> list[Found]:
    """Limits of the scenario on a part where one as strict or stricter is in force and stays."""
    out: list[Found] = []
    for item in part.acting:
        kind, key = _LIMITS.get(item.kind, ("", ""))
        asked_for = item.parameters.get(key)
        if not isinstance(asked_for, int | float):
            continue
        strict = [
            one.restriction
            for one in part.met
            if not one.is_of_measure
            and one.restriction.kind == kind
            and one.restriction.value is not None
            and one.restriction.value <= asked_for
        ]
        if strict and not any(one.is_of_measure for one in part.met):
            kept = min(strict, key=lambda one: one.value or 0.0)
            text = say("finding.stricter", name=part.case.name, kind=say(f"kind.{kind}"),
                       asked=f"{asked_for:g}", kept=f"{kept.value:g}", unit=kept.unit)  # fmt: skip
            out.append({"asset": part.case.asset_id, "severity": "warning", "text": text})
    return out


def _tell_met(one: MetRestriction, name: str, day: float, add: _Add) -> None:
    kind, value = restriction_words(one)
    values: Mapping[str, str | Said] = {"name": name, "kind": kind, "value": value}
    if one.status in ("violated", "newly_violated"):
        severity: Severity = "critical" if one.status == "newly_violated" else "warning"
        vehicles = _whole_number(one.scenario_vehh * day)
        add(severity, say("finding.violated", vehicles=vehicles, **values))
    elif one.status == "avoided" and not one.is_of_measure:
        vehicles, base = (_about(x * day) for x in (one.avoiding_vehh, one.base_avoiding_vehh))
        add("info", say("finding.avoided", vehicles=vehicles, base=base, **values))


def restriction_words(one: MetRestriction) -> tuple[Said, Said]:
    """Kind and extent of a restriction in words."""
    value, unit = one.restriction.value, one.restriction.unit
    english = "" if value is None else f" {value:g} {unit}"
    return say(f"kind.{one.restriction.kind}"), in_both(english, english.replace(".", ","))


def _targets(joint: Joint) -> str:
    """Names of what the measures act on, at most three."""
    named = [
        joint.names.get(bare, bare)
        for item in joint.scenario.interventions
        for bare in (target.removeprefix("asset:").removeprefix("link:") for target in item.targets)
    ]
    kept = list(dict.fromkeys(named))
    return ", ".join(kept[:3]) + (" ..." if len(kept) > 3 else "")  # noqa: PLR2004 - as said


def detail_said(name: str) -> Said:
    """Name of a detail; sections without one are named by effect and station.

    Examples
    --------
    >>> detail_said("moment at 32.5 m")["de"], detail_said("midspan")["de"]
    ('Biegemoment bei 32,5 m', 'midspan')
    """
    found = _SECTION.fullmatch(name)
    if found is None or found[1] not in EFFECT_UNITS:
        return in_both(name, name)
    return say("word.at", effect=say(f"word.{found[1]}"), station=found[2])


def _about(value: float) -> str:
    """Number of which two digits are meant.

    Examples
    --------
    >>> [_about(value) for value in (13831.2, 628.0, 7.4)]
    ['14,000', '630', '7']
    """
    return f"{round(float(f'{value:.2g}')):,}"


def _whole_number(value: float) -> str:
    return f"{round(value):,}"
