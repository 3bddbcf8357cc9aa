"""Acoustic emission: candidates for broken wires, what persons judged, and who listened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from simulations.bridges.hits import (
    AMPLITUDE,
    ENERGY,
    Heard,
    Listeners,
    day_of,
    heard_in,
    listeners_of,
)
from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found
from simulations.monitoring.ae import (
    Judged,
    Span,
    TendonZone,
    bursts,
    common,
    enclosing,
    heard_us,
    judge,
    listening,
)
from twin.model.acoustics import (
    CONFIRMED_RULE,
    NAME,
    RULE,
    SectionBreaks,
    record_of,
    sections_of,
    verdict_of,
)
from twin.model.bridge import PartStructure
from twin.model.finding_steps import StoredFinding
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome, BridgeEvent
from twin.model.refusals import LackingError
from twin.model.times import from_us, to_us

VERSION = "1"
EVERY = timedelta(minutes=5)
UNDER_WAY = timedelta(minutes=2)
"""Hits that are younger may still be on their way."""
JUDGED_AGAIN = timedelta(days=2)
"""Hits that a logger kept back for so long are judged when they come."""
LOOK_BACK = timedelta(days=30)
"""What is older when the sensors are recorded is not judged."""
MOST_FINDINGS = 10_000
NO_WARNING = ("2.1", "2.3")
"""StatusSpannungsrisskorrosion: announcement behaviour not examined, or none."""
AROUND = timedelta(minutes=1)


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge has a sensor that tells acoustic hits."""
    return bool(bridge.of(AMPLITUDE, ENERGY))


def look(bridge: Bridge) -> Found:
    """Judge the hits of the last days and count breaks per section.

    Raises
    ------
    NotAvailable
        If facts or streams are missing; names all of them.
    InsufficientData
        If no sensor has told anything yet.
    ModelError
        If the clock of the logger is too coarse.
    """
    listeners = listeners_of(bridge)
    kept = bridge.twin.bridges.state(bridge.asset.id, NAME)
    known = {} if kept is None else {row.section: row for row in sections_of(kept)}
    oldest_us = to_us(bridge.now - LOOK_BACK)
    start_us = max(oldest_us, min((row.settled_us for row in known.values()), default=0))
    silence = timedelta(microseconds=listeners.silence_us or 0)
    until = bridge.now - UNDER_WAY
    heard = heard_in(bridge, listeners, start=from_us(start_us) - silence, end=until)
    if not known and not any(len(times) for times in heard.signs_us.values()):
        raise LackingError(Phrase("wait.no_hit"))
    judged = [
        judge(burst, listeners.site, marked=listeners.marked)
        for burst in bursts(heard.hits, listeners.site)
        if burst.time_us >= start_us
    ]
    findings = bridge.twin.bridges.findings(bridge.asset.id, only_open=False, limit=MOST_FINDINGS)
    this = _Look(
        listeners,
        heard,
        judged,
        _verdicts(findings),
        start_us,
        to_us(until),
        to_us(bridge.now - JUDGED_AGAIN),
    )
    rows = tuple(_row(zone, known.get(zone.section), this) for zone in listeners.site.zones)
    outcome = AnalysisOutcome(
        states=(record_of(rows, asset_id=bridge.asset.id, at=bridge.now),),
        events=tuple(_event(bridge, one) for one in judged if one.judgement != "weak"),
        findings=(*_candidates(bridge, listeners, judged), *_confirmed(bridge, findings)),
    )
    return _found(outcome, rows, listeners, heard)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: what was sent, from when until when it is judged, what is settled afterwards.

    ``verdicts`` are those of persons, by key of the candidate.
    """

    listeners: Listeners
    heard: Heard
    judged: Sequence[Judged]
    verdicts: Mapping[str, str]
    start_us: int
    until_us: int
    settle_us: int


def _row(zone: TendonZone, before: SectionBreaks | None, this: _Look) -> SectionBreaks:
    """What is known of a section after a look."""
    silence_us = this.listeners.silence_us
    channels = enclosing(this.listeners.site, zone)
    signs = {name: this.heard.signs_us[name].tolist() for name in channels}
    told = [times[0] for times in signs.values() if times]
    first_us = max(this.start_us, min(told, default=this.until_us))
    since_us = first_us if before is None else min(before.since_us, first_us)
    settled_us = this.start_us if before is None else before.settled_us
    periods = _periods(list(signs.values()), silence_us)
    settle_us = max(settled_us, this.settle_us)
    settled_heard = 0 if before is None else before.settled_heard_us
    settled_heard += heard_us(periods, (settled_us, settle_us))
    total = settled_heard + heard_us(periods, (settle_us, this.until_us))
    candidates, confirmed = _times(zone.section, before, this)
    return SectionBreaks(
        section=zone.section,
        since_us=since_us,
        until_us=this.until_us,
        settled_us=settle_us,
        settled_heard_us=settled_heard,
        heard_us=None if silence_us is None else total,
        blind_since_us=_blind(signs, before, since_us, this),
        candidates_us=tuple(sorted(candidates)),
        confirmed_us=tuple(sorted(confirmed)),
    )


def _times(section: str, before: SectionBreaks | None, this: _Look) -> tuple[set[int], set[int]]:
    """Times of the candidates that nobody rejected, and of the confirmed ones."""
    former = () if before is None else before.candidates_us
    confirmed = set(() if before is None else before.confirmed_us)
    times = {time_us for time_us in former if time_us < this.start_us} | {
        one.burst.time_us
        for one in this.judged
        if one.judgement == "wire_break_candidate" and one.section == section
    }
    for key, verdict in this.verdicts.items():
        where, _, at = key.rpartition("@")
        if where != section:
            continue
        for known in (times, confirmed):
            known.discard(int(at))
            if verdict == "confirmed":
                known.add(int(at))
    return times, confirmed


def _periods(signs: Sequence[Sequence[int]], silence_us: int | None) -> Sequence[Span]:
    """When all channels listened; none where that cannot be told."""
    if silence_us is None:
        return ()
    periods = [listening(times, silence_us=silence_us) for times in signs]
    together = periods[0]
    for other in periods[1:]:
        together = common(together, other)
    return together


def _blind(
    signs: Mapping[str, Sequence[int]], before: SectionBreaks | None, since_us: int, this: _Look
) -> int | None:
    """Since when the first of the channels that are silent now is so; None if all listen."""
    silence_us = this.listeners.silence_us
    if silence_us is None:
        return None
    earlier = since_us if before is None else before.blind_since_us or this.start_us
    last = [times[-1] if times else earlier for times in signs.values()]
    return min((time for time in last if this.until_us - time > silence_us), default=None)


def _verdicts(findings: Sequence[StoredFinding]) -> dict[str, str]:
    """Verdict by key of the candidate; of findings with one key the newest counts."""
    found: dict[str, str] = {}
    for stored in findings:
        verdict = verdict_of(stored) if stored.finding.rule == RULE else None
        if verdict is not None:
            found.setdefault(stored.finding.key, verdict)
    return found


def _event(bridge: Bridge, one: Judged) -> BridgeEvent:
    hits = one.burst.hits
    figures = {
        "sensors": float(len(hits)),
        "amplitude_db": max(hit.amplitude_db for hit in hits),
        "energy_aj": max(hit.energy for hit in hits),
        "weak_hits": float(one.burst.weak),
    }
    if one.burst.x_m is not None:
        figures["x_m"] = one.burst.x_m
    words = {
        "judgement": one.judgement,
        "place": one.burst.place,
        "section": one.section,
        "channels": ", ".join(hit.channel for hit in hits),
        "method": f"{NAME} {VERSION}",
    }
    time_us = one.burst.time_us
    return BridgeEvent(bridge.asset.id, "ae_hit", str(time_us), from_us(time_us), figures, words)


def _candidates(
    bridge: Bridge, listeners: Listeners, judged: Sequence[Judged]
) -> Iterator[Finding]:
    site = listeners.site
    for one in judged:
        if one.judgement != "wire_break_candidate" or one.burst.x_m is None:
            continue
        at = from_us(one.burst.time_us)
        hits = one.burst.hits
        yield Finding(
            asset_id=bridge.asset.id,
            rule=RULE,
            rule_version=VERSION,
            severity="warning",
            key=f"{one.section}@{one.burst.time_us}",
            statement=Phrase(
                "wire_break",
                {"section": one.section, "station": one.burst.x_m, "sensors": len(hits)},
            ),
            next_step=Phrase("step.confirm_wire_break"),
            at=at,
            cause="structure",
            reasons=tuple(
                Reason(
                    Phrase("reason.ae_hit", {"channel": hit.channel, "energy": hit.energy}),
                    value=hit.amplitude_db,
                    unit="dB[uV]",
                    limit=site.least_amplitude_db,
                    source=f"limits of the site, energy above {site.least_energy:g} aJ",
                    cause="structure",
                    speaks="for",
                )
                for hit in hits
            ),
            evidence=tuple(
                EvidenceWindow(
                    listeners.streams[hit.channel][AMPLITUDE].uid, at - AROUND, at + AROUND
                )
                for hit in hits
            ),
        )


def _confirmed(bridge: Bridge, findings: Sequence[StoredFinding]) -> Iterator[Finding]:
    """A finding for each confirmed break that is new, or whose statement has changed."""
    stated = {
        stored.finding.key: stored.finding.statement.key
        for stored in reversed(findings)
        if stored.finding.rule == CONFIRMED_RULE
    }
    verdicts = _verdicts(findings)
    exposed = _exposed(bridge) if verdicts else ()
    key = "wire_break_closure" if exposed else "wire_break_confirmed"
    for stored in findings:
        known = stored.finding
        if known.rule != RULE or verdicts.get(known.key) != "confirmed":
            continue
        if stated.get(known.key) == key:
            continue
        section, _, _ = known.key.rpartition("@")
        values = {
            "section": section,
            "number": stored.id,
            "at": f"{known.at:%Y-%m-%d %H:%M:%S} UTC",
        }
        yield Finding(
            asset_id=bridge.asset.id,
            rule=CONFIRMED_RULE,
            rule_version=VERSION,
            severity="critical",
            key=known.key,
            statement=Phrase(key, values),
            next_step=Phrase("step.propose_closure" if exposed else "step.inspect_tendons"),
            at=bridge.now,
            cause="structure",
            reasons=(
                *(_stress_corrosion(part, status) for part, status in exposed),
                *known.reasons,
            ),
            evidence=known.evidence,
        )


def _exposed(bridge: Bridge) -> tuple[tuple[str, str], ...]:
    """Part structures with prestressing steel that may break without announcement."""
    records = bridge.twin.bridges.book.records(bridge.asset.id)
    return tuple(
        (item.record.part, item.record.content.stress_corrosion)
        for item in records
        if isinstance(item.record.content, PartStructure)
        and item.record.content.stress_corrosion in NO_WARNING
    )


def _stress_corrosion(part: str, status: str) -> Reason:
    return Reason(
        Phrase("reason.stress_corrosion", {"part": part or "-", "status": status}),
        source="ASB-ING StatusSpannungsrisskorrosion as recorded",
        cause="structure",
        speaks="for",
    )


def _found(
    outcome: AnalysisOutcome, rows: Sequence[SectionBreaks], listeners: Listeners, heard: Heard
) -> Found:
    if listeners.silence_us is None:
        return Found(outcome, MonitoringState.NOT_ARMED, Phrase("not_armed.ae_no_level"))
    blind = [
        f"{row.section}: {day_of(row.blind_since_us)}"
        for row in rows
        if row.blind_since_us is not None
    ]
    if blind:
        reason = Phrase("not_armed.ae_blind", {"sections": "; ".join(blind)})
        return Found(outcome, MonitoringState.NOT_ARMED, reason)
    counts = {"hits": len(heard.hits), "doubtful": heard.doubtful}
    return Found(outcome, MonitoringState.NORMAL, Phrase("state.acoustics", counts))


ANALYSIS = Analysis(NAME, VERSION, EVERY, is_concerned, look, is_structural=True)
