"""The document of a measures run from what was found."""

from collections.abc import Mapping
from typing import Any, cast

from simulations.measures.bands import (
    FULL_MEMBERS,
    Ensemble,
    coverage,
    is_gain_sure,
    limits_of,
    with_roles,
)
from simulations.measures.chain import chain, findings, is_of_traffic, without_effect
from simulations.measures.coarse import coarse_limits, outside
from simulations.measures.damage import fatigue_document, why_not
from simulations.measures.document import (
    FORM,
    Band,
    Bridge,
    Crossings,
    Found,
    Heavy,
    Inputs,
    MassBand,
    Measures,
    Met,
    NotAssessed,
)
from simulations.measures.draws import demand_spread
from simulations.measures.joint import Joint, PartFound
from simulations.measures.kpis import kpis
from simulations.measures.met import JUDGED
from simulations.measures.stress import utilisation_document
from simulations.measures.words import Said, in_both, of_phrase, say
from simulations.traffic.massslices import edges_of
from twin.model.interventions import kinds
from twin.model.scenario_words import sentence, sentences
from twin.model.scenarios import to_document

MODELLED = "modelled"
"""Label of heavy vehicles that no count tells from others."""
_NO_HEAVY_COUNTS = "heavy_share_kept"
"""Key of the assumption of such a base (``run_sentences.csv``)."""


def write(
    joint: Joint,
    ensemble: Ensemble | None = None,
    *,
    report: Mapping[str, object],
    inputs: Mapping[str, object],
) -> Measures:
    """The document, form 1.

    Parameters
    ----------
    joint
    ensemble
        For the bands; None leaves them out.
    report
        Of the traffic, without times of computation.
    inputs
        As `document.Inputs`.
    """
    joint = with_roles(joint, ensemble)
    modelled = _is_heavy_modelled(inputs)
    bridges = [
        bridge_document(one, joint, ensemble, is_heavy_modelled=modelled) for one in joint.parts
    ]
    missing = _not_assessed(joint)
    document: Measures = {
        "form": FORM,
        "scenario": to_document(joint.scenario),
        "sentences": {
            language: list(sentences(joint.scenario, language=language, names=joint.names))
            for language in ("de", "en")
        },
        "inputs": cast("Inputs", dict(inputs)),
        "kpis": kpis(joint, ensemble, report),
        "bridges": bridges,
        "not_assessable": missing,
        "findings": _findings(joint, ensemble),
        "traffic": report,
        "assumptions": [*_texts(report, "assumptions"), *_assumptions(joint, ensemble)],
        "warnings": [
            *(one["text"] for one in _on_limits(joint)),
            *_texts(report, "warnings"),
        ],
        "cannot_say": _cannot(joint, ensemble, len(missing)),
    }
    return document


def bridge_document(
    part: PartFound, joint: Joint, ensemble: Ensemble | None, *, is_heavy_modelled: bool = False
) -> Bridge:
    """The block of one part structure.

    Parameters
    ----------
    part, joint, ensemble
    is_heavy_modelled
        Whether no count of the base tells heavy vehicles from others: then counts of all vehicles
        say nothing of the heavy ones, and their label is ``modelled``.
    """
    case, day = part.case, joint.sides.day_factor
    own = case.part_id
    factor_band = None if ensemble is None else ensemble.factor_band(own)
    used = part.utilisation
    gain_band = None if ensemble is None else ensemble.gain_band(own, day)
    unbanded = None if ensemble is None or part.tool == "A" else say("assume.no_band_meeting")
    used_band = (
        ensemble.utilisation_band(own, used.scenario) if ensemble and used is not None else None
    )
    return {
        "asset": case.asset_id,
        "part": own,
        "name": case.name,
        "role": part.role,
        "heavy": _heavy(
            part,
            day,
            gain_band,
            is_significant=is_gain_sure(part, ensemble, day),
            label=MODELLED if is_heavy_modelled and part.label else part.label,
        ),
        "by_mass": _by_mass(part, day),
        "crossings_above": [_crossings(part, limit, day, ensemble) for limit in limits_of(part)],
        "causes": list(part.causes),
        "fatigue": fatigue_document(
            case, part.damage, part.refused, band=factor_band, note=unbanded, tool=part.tool
        ),
        "utilisation": utilisation_document(
            used, part.no_utilisation, band=used_band, week=_week_note(part)
        ),
        "restrictions": [*(one.document(day) for one in part.met), *_not_judged(part)],
        "chain": chain(part, joint),
        "findings": [
            one["text"]
            for one in (
                *coarse_limits(part, day),
                *without_effect(part),
                *outside(part, gain_band, day),
                *findings(part, joint),
            )
        ],
        "assumptions": list(part.said),
        "level": case.level,
        "carries_whole_bridge": part.is_whole,
    }


def _week_note(part: PartFound) -> Said | None:
    """Which hours the simulated week of a part stands for."""
    keys = ("assume.week", "assume.week_reduced")
    return next((one for one in part.said if one["key"] in keys), None)


def _is_heavy_modelled(inputs: Mapping[str, object]) -> bool:
    base = cast("Mapping[str, Any]", inputs.get("base") or {})
    said = base.get("assumptions") or ()
    return any(one["key"] == _NO_HEAVY_COUNTS for one in said)


def _heavy(
    part: PartFound, day: float | None, found: Band | None, *, is_significant: bool, label: str
) -> Heavy:
    flows = part.flows
    return {
        "base_vehd": _day(flows.base_heavy_vehh, day),
        "scenario_vehd": _day(flows.scenario_heavy_vehh, day),
        "change_vehd": _day(flows.gain_vehh, day),
        "floor_vehd": _day(flows.heavy_floor_vehh, day),
        "base_vehh": flows.base_heavy_vehh,
        "scenario_vehh": flows.scenario_heavy_vehh,
        "change_vehh": flows.gain_vehh,
        "floor_vehh": flows.heavy_floor_vehh,
        "band": found,
        "is_significant": is_significant,
        "label": label,
    }


def _by_mass(part: PartFound, day: float | None) -> list[MassBand]:
    """Heavy vehicles by the mass bands of their classes; classes of one band together."""
    flows = part.flows
    after = flows.scenario_vehh + flows.breaking_vehh
    sums: dict[tuple[float, float], list[float]] = {}
    for row, (item, heavy) in enumerate(zip(flows.classes, flows.heavy.tolist(), strict=True)):
        if heavy:
            one = sums.setdefault((item.mass_from_t, item.mass_to_t), [0.0, 0.0])
            one[0] += float(flows.base_vehh[row])
            one[1] += float(after[row])
    return [
        {
            "from_t": low,
            "to_t": high,
            "base_vehd": _day(before, day),
            "scenario_vehd": _day(later, day),
        }
        for (low, high), (before, later) in sorted(sums.items())
    ]


def _crossings(
    part: PartFound, limit_t: float, day: float | None, ensemble: Ensemble | None
) -> Crossings:
    before, after = part.flows.above_vehh(limit_t)
    own = part.case.part_id
    return {
        "limit_t": limit_t,
        "base_vehd": _day(before, day),
        "scenario_vehd": _day(after, day),
        "band": None if ensemble is None else ensemble.above_band(own, limit_t, day),
    }


def _day(value: float, day: float | None) -> float | None:
    return None if day is None else value * day


def _not_assessed(joint: Joint) -> list[NotAssessed]:
    out: list[NotAssessed] = [
        {
            "asset": one.case.asset_id,
            "part": one.case.part_id,
            "name": one.case.name,
            "reason": why_not(one.case, one.refused),
        }
        for one in joint.parts
        if one.damage is None
    ]
    out += [
        {
            "asset": case.asset_id,
            "part": case.part_id,
            "name": case.name,
            "reason": say("refused.no_links", name=case.name)
            if case.refusal is None
            else of_phrase(case.refusal),
        }
        for case in joint.without_traffic
    ]
    return sorted(out, key=lambda one: (one["asset"], one["part"]))


def _on_limits(joint: Joint) -> list[Found]:
    """What is first to be known of limits: too coarse a model, or no effect; once for a bridge."""
    day = joint.sides.day_factor
    told: dict[str, Found] = {}
    for part in joint.parts:
        for one in coarse_limits(part, day):
            told.setdefault(f"{one['asset']}|{one['text']['values'].get('limit')}", one)
    return [*told.values(), *(one for part in joint.parts for one in without_effect(part))]


def _findings(joint: Joint, ensemble: Ensemble | None) -> list[Found]:
    """Findings of all parts, the gravest first, and trips without a way.

    What is to be known of limits comes before what else is found; parts that carry the same
    vehicles tell of them once.
    """
    first, out = _on_limits(joint), []
    seen: set[str] = set()
    day = joint.sides.day_factor
    for part in joint.parts:
        again = part.is_whole and part.case.asset_id in seen
        seen.add(part.case.asset_id)
        if ensemble is not None and not again:
            out += outside(part, ensemble.gain_band(part.case.part_id, day), day)
        out += [one for one in findings(part, joint) if not (again and is_of_traffic(one))]
    found = joint.sides.found
    more = float(found.scenario_unserved_vehh.sum() - found.base_unserved_vehh.sum())
    if more >= 0.5:  # noqa: PLR2004 - half a trip an hour
        text = say("finding.unserved", vehicles=f"{round(more):,}")
        out.append({"asset": "", "severity": "critical", "text": text})
    order = ("critical", "warning", "info")
    return [*first, *sorted(out, key=lambda one: order.index(one["severity"]))]


def _assumptions(joint: Joint, ensemble: Ensemble | None) -> list[Said]:
    out: list[Said] = []
    for item in joint.scenario.interventions:
        if kinds()[item.kind].acts_on == "bridge" and item not in joint.sides.edited.inactive:
            said = in_both(
                *(sentence(item, language=one, names=joint.names) for one in ("en", "de"))
            )
            out.append(say("assume.not_traffic", measure=said))
    if any(one.status == "avoided" for part in joint.parts for one in part.met):
        out.append(say("assume.avoided"))
    if ensemble is not None and ensemble.members:
        out.append(say("assume.band", members=f"{len(ensemble.members)}", seed=f"{joint.seed}"))
        if len(ensemble.members) < FULL_MEMBERS:
            share = f"{coverage(len(ensemble.members)):.0%}"
            out.append(say("assume.band_few", members=f"{len(ensemble.members)}", share=share))
        is_known = demand_spread(joint.sides.base).is_known
        out.append(say("assume.band_demand" if is_known else "assume.no_band_demand"))
    return out


def _not_judged(part: PartFound) -> list[Met]:
    """Restrictions of which flows cannot say whether they are kept."""
    return [
        {
            "kind": one.kind,
            "value": one.value,
            "unit": one.unit,
            "status": "not_assessable",
            "base_vehd": None,
            "scenario_vehd": None,
            "avoiding_vehd": None,
            "source": one.source,
            "reason": say("refused.other" if one.kind == "other" else "refused.not_judged"),
        }
        for one in part.case.restrictions
        if one.kind not in JUDGED
    ]


def _cannot(joint: Joint, ensemble: Ensemble | None, missing: int) -> list[Said]:
    keys = ["cannot.resistance", "cannot.corrosion", "cannot.demand", "cannot.queue"]
    keys += ["cannot.compliance"]
    if edges_of((joint.sides.base.state.paths, joint.sides.result.paths)):
        keys.append("cannot.masses")
    if ensemble is None or not ensemble.members:
        keys.append("cannot.bands")
    keys.append("refused.no_day" if joint.sides.day_factor is None else "cannot.day")
    out = [say(key) for key in keys]
    return [*out, say("cannot.parts", count=f"{missing}")] if missing else out


def _texts(report: Mapping[str, object], name: str) -> list[Said]:
    return [cast("Said", dict(cast("Mapping[str, Any]", one))) for one in _list(report.get(name))]


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
