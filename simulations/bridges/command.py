"""The job ``bridge``: facts, state, findings and models of a bridge, or the state of all."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from simulations.bridges.structuretext import structure_document, structure_lines
from simulations.capacity import capacity_of, prepare_process
from twin.bridge_view import BridgeView, read_bridge
from twin.city import Twin
from twin.errors import RegistryError
from twin.model.acoustics import told
from twin.model.asb import label
from twin.model.bridge import PartStructure, Restriction
from twin.model.fatigue import figure
from twin.model.finding_steps import StoredFinding
from twin.model.findings import MonitoringState, Phrase
from twin.model.inspection import Condition, Inspection, grade_bands
from twin.model.monitoring import UNCALIBRATED
from twin.model.phrases import said, written
from twin.model.reality import validity_words
from twin.model.statements import german_value
from twin.runtime import open_twin
from twin.settings import Settings

WIDTH = 34
MOST_CROSSINGS = 10
KMH_PER_MS = 3.6
_VERDICTS = {
    "valid": "label.valid",
    "not_valid": "label.not_valid",
    "not_checked": "label.not_checked",
}


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Say what is known of a bridge: facts, state of the monitoring, findings with reasons."""
    options = _parser().parse_args(arguments)
    language = options.language or settings.dashboards.languages[0]
    is_writing = options.now or options.action is not None
    twin = open_twin(settings, role="work" if is_writing else "serve")
    try:
        if options.action == "calibrate":
            prepare_process(settings, threads=capacity_of(settings).threads)
            return _calibrate(twin, options, language=language)
        if options.now:
            prepare_process(settings, threads=capacity_of(settings).threads)
            _analyse(twin)
        if options.bridge is None:
            sys.stdout.write(overview(twin, language=language))
            return 0
        view = read_bridge(twin, bridge_id(twin, options.bridge))
    finally:
        twin.close()
    if options.json:
        sys.stdout.write(json.dumps(document(view, language=language), indent=2) + "\n")
    else:
        sys.stdout.write(text(view, language=language))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin bridge", description=command.__doc__)
    parser.add_argument("bridge", nargs="?", help="id or name; without it all bridges are listed")
    parser.add_argument(
        "action",
        nargs="?",
        choices=("calibrate",),
        help="calibrate: the structural model to the frequencies measured now, or weighing in "
        "motion to --lorries, as the next version of the model",
    )
    parser.add_argument("--now", action="store_true", help="make the analyses that are due first")
    parser.add_argument("--language", choices=("de", "en"), help="default: first one of the city")
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_calibration(parser)
    return parser


def _add_calibration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("calibrate")
    group.add_argument("--by", help="role or account of the person who calibrates")
    group.add_argument("--reason", help="why; stands in the register of models")
    group.add_argument("--since", help="day (ISO) before which no frequency is used")
    group.add_argument(
        "--lorries", type=Path, help="runs of weighed lorries (CSV): calibrates weighing in motion"
    )
    group.add_argument(
        "--accept", action="store_true", help="accept a factor of weighing outside of its band"
    )
    group.add_argument("--try", action="store_true", dest="is_trial", help="keep nothing")


def _calibrate(twin: Twin, options: argparse.Namespace, *, language: str) -> int:
    from simulations.bridges.calibratecommand import calibrate  # noqa: PLC0415 - kernels need a prepared process

    lines = calibrate(twin, bridge_id(twin, options.bridge), options, language=language)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _analyse(twin: Twin) -> None:
    from simulations.bridges.analyses import ANALYSES  # noqa: PLC0415 - kernels need a prepared process
    from simulations.bridges.rounds import Rounds  # noqa: PLC0415 - as above

    Rounds(twin, ANALYSES).all_due()


def bridge_id(twin: Twin, given: str) -> str:
    """Id of the bridge that is meant by an id or by part of a name.

    Raises
    ------
    RegistryError
        If none or several fit; lists them.
    """
    known = {asset.id: asset.name for asset in twin.assets("bridge")}
    if given in known:
        return given
    fitting = [key for key, name in known.items() if given.casefold() in name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{key} {known[key]}" for key in fitting or known)
    what = "several bridges" if fitting else "no bridge"
    raise RegistryError(f"{what} for {given!r}; there are: {listed}")


def overview(twin: Twin, *, language: str) -> str:
    """All bridges with the state of their monitoring and their open findings."""
    states = twin.monitoring_states()
    counts: dict[str, int] = {}
    for item in twin.bridges.open_findings():
        counts[item.asset_id] = counts.get(item.asset_id, 0) + item.count
    lines = [
        f"{asset.id:8}{asset.name[:40]:42}"
        f"{_word(f'monitoring.{_state(states, asset.id).name.lower()}', language):24}"
        f"{counts.get(asset.id, 0):>4}"
        for asset in twin.assets("bridge")
    ]
    head = f"{'':8}{'':42}{_word('label.monitoring', language):24}{_word('label.open', language)}"
    return "\n".join([head, *lines]) + "\n"


def _state(states: object, asset_id: str) -> MonitoringState:
    found = states.get(asset_id) if isinstance(states, dict) else None
    return MonitoringState.NO_DATA if found is None else found


def document(view: BridgeView, *, language: str) -> dict[str, object]:
    """The same as JSON values."""
    return {
        "id": view.asset.id,
        "name": view.asset.name,
        "at": view.at.isoformat(),
        "monitoring": view.monitoring.name.lower(),
        "findings": [_finding_document(item, language) for item in view.findings],
        "checks": [
            {
                name: _spoken(getattr(check, name), language)
                for name in (*check.__slots__, "is_valid", "verdict")
            }
            for check in view.checks
        ],
        "fatigue": [
            {**asdict(item), "remarks": [said(one, language) for one in item.remarks]}
            for item in view.fatigue
        ],
        "structure": structure_document(view.structure),
        "acoustic_emission": [asdict(item) for item in view.acoustics],
        "not_valid_now": not_valid_now(view, language=language),
        "models": [
            {
                "name": model.name,
                "version": model.version,
                "purpose": model.purpose,
                "trained_from": model.trained_from.isoformat(),
                "trained_until": model.trained_until.isoformat(),
                "metric": list(model.metric),
                "valid": {name: list(limits) for name, limits in model.valid.items()},
                "validity": validity_words(model.name, view.checks, language=language),
            }
            for model in view.models
        ],
        "blind": list(view.blind),
    }


def _spoken(value: object, language: str) -> object:
    """Plain values as they are, phrases as sentences."""
    if isinstance(value, Phrase):
        return said(value, language)
    if isinstance(value, tuple):
        return [_spoken(one, language) for one in value]
    return value


def _finding_document(stored: StoredFinding, language: str) -> dict[str, object]:
    finding = stored.finding
    return {
        "id": stored.id,
        "stage": stored.stage,
        "rule": finding.rule,
        "rule_version": finding.rule_version,
        "severity": finding.severity,
        "cause": finding.cause,
        "statement": said(finding.statement, language),
        "next_step": said(finding.next_step, language),
        "comparable": list(finding.comparable),
        "opened_at": stored.opened_at.isoformat(),
        "at": finding.at.isoformat(),
        "reasons": [
            {
                "statement": said(reason.statement, language),
                "value": reason.value,
                "unit": reason.unit,
                "limit": reason.limit,
                "source": reason.source,
                "cause": reason.cause,
                "speaks": reason.speaks,
            }
            for reason in finding.reasons
        ],
        "evidence": [
            {
                "datastream": window.datastream,
                "start": window.start.isoformat(),
                "end": window.end.isoformat(),
            }
            for window in finding.evidence
        ],
    }


def text(view: BridgeView, *, language: str) -> str:
    """What is known of a bridge, as text: each quantity on its own, with its origin."""
    parts = (
        [f"{view.asset.name} ({view.asset.id})"],
        _facts(view, language),
        _quantities(view, language),
        _findings(view, language),
        _analyses(view, language),
        _crossings(view, language),
        _acoustics(view, language),
        _checks(view, language),
        structure_lines(view.structure, language),
    )
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _facts(view: BridgeView, language: str) -> Iterator[str]:
    suffix = "_de" if language == "de" else ""
    for name in ("structural_system", "construction_year", "total_length_m", "spans_m"):
        found = view.asset.attribute(name + suffix) or view.asset.attribute(name)
        if found is not None:
            value = found.value if isinstance(found.value, str) else written(found.value)
            yield _row(f"label.{name}", f"{value} {found.unit} ({found.provenance.kind})", language)
    for item in view.restrictions:
        restriction = item.content
        if isinstance(restriction, Restriction):
            value = "" if restriction.value is None else written(restriction.value)
            words = label("restriction_kind", restriction.kind, language=language)
            named = " ".join(part for part in (words, value, restriction.unit) if part)
            shown = f"{named} ({item.provenance.kind})"
            yield _row("label.restriction", shown, language)


def _graded(condition: Condition, language: str) -> str:
    """The grade, or its band by name."""
    if condition.grade is not None:
        shown = f"{condition.grade:.1f}"
        return shown.replace(".", ",") if language == "de" else shown
    band = grade_bands().get(condition.band)
    if band is None:
        return condition.band
    return band.german if language == "de" else band.english


def _quantities(view: BridgeView, language: str) -> Iterator[str]:
    grades = [
        f"{f'{item.part}: ' if item.part else ''}{_graded(condition, language)}"
        f" ({item.content.stated_year}, {item.provenance.kind})"
        for item in view.conditions
        if isinstance(item.content, Inspection) and (condition := item.content.condition)
    ]
    nothing = _word("label.nothing", language)
    yield _row("label.condition", "; ".join(grades) or nothing, language)
    loads = [
        f"{item.content.load_index or '-'} / {item.content.target_load_level or '-'}"
        for item in view.parts
        if isinstance(item.content, PartStructure) and item.content.load_index
    ]
    yield _row("label.load_index", "; ".join(loads) or nothing, language)
    state = _word(f"monitoring.{view.monitoring.name.lower()}", language)
    yield _row("label.monitoring", state, language)
    yield from _fatigue(view, language)
    blind = ", ".join(_word(f"blind.{key}", language) for key in view.blind)
    yield _row("label.blind", blind, language)


def _fatigue(view: BridgeView, language: str) -> Iterator[str]:
    """Each detail with its Miner sum, what is open in it, rate and coverage."""
    if not view.fatigue:
        yield _row("label.fatigue", _word("label.not_assessable", language), language)
    for item in view.fatigue:
        rate = _word("label.no_rate", language)
        if item.rate_per_year is not None:
            rate = f"{figure(item.rate_per_year)} {_word('label.rate', language)}"
        total, left = figure(item.damage), figure(item.residue_damage)
        shown = [
            f"{item.detail} ({item.origin}): {_word('label.miner_sum', language)} {total}",
            f"{_word('label.miner_open', language)} {left}",
            rate,
            f"{_word('label.coverage', language)} {100.0 * item.coverage:.1f} %",
            f"{item.datastream}, {item.curve}",
        ]
        if not item.sees_crossings:
            shown.append(_word("label.fatigue_slow", language))
        shown += [said(remark, language) for remark in item.remarks]
        yield _row("label.fatigue", "; ".join(shown), language)


def _findings(view: BridgeView, language: str) -> Iterator[str]:
    open_ = [item for item in view.findings if item.is_open]
    yield f"{_word('label.findings', language)}: {len(open_)}"
    for stored in open_:
        finding = stored.finding
        cause = _word(f"cause.{finding.cause or 'open'}", language)
        severity = _word(f"severity.{finding.severity}", language)
        yield f"\n  [{stored.id}] {severity}, {cause}"
        yield f"  {said(finding.statement, language)}"
        for reason in finding.reasons:
            sign = {"for": "+", "against": "-"}.get(reason.speaks or "", " ")
            about = "" if reason.cause is None else f"{_word(f'about.{reason.cause}', language)}: "
            source = f" [{reason.source}]" if reason.source else ""
            yield f"    {sign} {about}{said(reason.statement, language)}{source}"
        for window in finding.evidence:
            start, end = (f"{time:%Y-%m-%d %H:%M}" for time in (window.start, window.end))
            yield f"    = {window.datastream}, {start} - {end} UTC"
        if finding.comparable:
            listed = ", ".join(str(number) for number in finding.comparable)
            yield f"    ~ {_word('label.comparable', language)}: {listed}"
        yield f"    > {said(finding.next_step, language)}"


def _analyses(view: BridgeView, language: str) -> Iterator[str]:
    if view.status is None:
        yield _word("label.no_analyses", language)
        return
    yield f"{_word('label.analyses', language)} ({view.status.at:%Y-%m-%d %H:%M} UTC):"
    for item in view.status.analyses:
        shown = Phrase("state.armed", {"analysis": item.analysis})
        reason = said(item.reason or shown, language)
        yield f"  {_word(f'analysis.{item.analysis}', language)}: {reason}"


def _crossings(view: BridgeView, language: str) -> Iterator[str]:
    events = [item for item in view.events if item.kind == "crossing"][:MOST_CROSSINGS]
    if events:
        yield f"{_word('analysis.crossings', language)} ({_word('crossing.gross', language)}):"
        if sensors := events[0].words.get(UNCALIBRATED):
            yield f"  {said(Phrase('crossing.uncalibrated', {'sensors': sensors}), language)}"
    for event in events:
        figures = event.figures
        vehicle = _word(f"axleclass.{event.words['vehicle_class']}", language)
        numbers = (
            f"{figures['gross_t']:.1f} +-{figures['gross_sd_t']:.1f} t = {figures['gross_kn']:.0f} "
            f"+-{figures['gross_sd_kn']:.0f} kN, {figures['axles']:.0f} "
            f"{_word('crossing.axles', language)}, {abs(figures['speed_ms']) * KMH_PER_MS:.0f} km/h"
        )
        shown = numbers.replace(".", ",") if language == "de" else numbers
        flags = "".join(f"; {_word(f'crossing_flag.{flag}', language)}" for flag in event.flags)
        where = f"{_word('crossing.sections', language)} {event.words['sections']}"
        yield f"  {event.at:%Y-%m-%d %H:%M:%S} UTC  {shown}, {vehicle}, {where}{flags}"


def _checks(view: BridgeView, language: str) -> Iterator[str]:
    if view.checks:
        yield f"{_word('label.checks', language)}:"
    for check in view.checks:
        verdict = _word(_VERDICTS[check.verdict], language)
        named = f"  {_word(f'model.{check.model}', language)}, {check.channel}: "
        if check.predicted is None or check.measured is None or check.error_percent is None:
            reasons = "; ".join(said(phrase, language) for phrase in check.reasons)
            yield f"{named}{verdict}: {reasons}"
            continue
        remark = f"; {_word(f'label.{check.remark}', language)}" if check.remark else ""
        yield (
            f"{named}{written(check.predicted)} -> {written(check.measured)} {check.unit} "
            f"({written(check.error_percent)} %, +-{written(check.limit_percent)} %): "
            f"{verdict}{remark}"
        )
    for name, words in not_valid_now(view, language=language).items():
        yield f"  {name}: {words}"


def not_valid_now(view: BridgeView, *, language: str) -> dict[str, str]:
    """What rests on a model that fails or was not checked, with the reason."""
    names = sorted({name for check in view.checks for name in check.rests})
    found = {name: validity_words(name, view.checks, language=language) for name in names}
    return {name: words for name, words in found.items() if words}


def _acoustics(view: BridgeView, language: str) -> Iterator[str]:
    if view.acoustics:
        yield f"{_word('analysis.acoustics', language)}:"
    for row in view.acoustics:
        yield from (f"  {words}" for words in told(row, language))


def _row(key: str, value: str, language: str) -> str:
    shown = german_value(value) if language == "de" else value
    return f"{_word(key, language):<{WIDTH}}{shown}"


def _word(key: str, language: str) -> str:
    return said(Phrase(key), language)
