"""The job ``maintain``: rollups, retention with its proof, compression; see ADR 0014."""

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version

from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.upkeep import (
    FIRST_HASH,
    QUARANTINE_BOUND,
    Deletion,
    Retention,
    RollupReport,
    UpkeepRule,
    first_broken,
    is_entry,
)
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

POLL_S = 1.0
AWAY_S = 5.0
BEAT_S = 5.0
RETENTION_EVERY = timedelta(hours=1)
ELSEWHERE = "another process does the upkeep of this database; nothing was done here"


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Do the upkeep until told to stop, or once; 1 if the proof of deletion does not hold."""
    options = _parser().parse_args(arguments)
    twin = open_twin(settings, role="keep")
    rule = rule_of(settings)
    try:
        if options.once and not maintain_once(twin, rule):
            _say(ELSEWHERE)
            return 1
        if options.proof:
            return 0 if prove(twin, rule, expect=options.expect) else 1
        if not options.once:
            maintain(twin, rule, stop=stop_on_signal(), instance=settings.ingest.instance)
    finally:
        twin.close()
    return 0


def rule_of(settings: Settings) -> UpkeepRule:
    """The rule that the settings of a city demand."""
    store = settings.store
    return UpkeepRule(
        zone=settings.city.timezone,
        retention=Retention(
            reading_days=store.retention_days,
            vehicle_days=store.vehicle_days,
            person_days=store.person_days,
            waveform_days=store.waveform_days,
            rollup_10s_days=store.rollup_10s_days,
            rollup_1m_days=store.rollup_1m_days,
            quarantine_days=store.quarantine_days,
            quarantine_bytes=store.quarantine_bytes,
            arrival_days=store.arrival_days,
            answer_days=settings.traffic.answer_days,
            state_days=store.state_days,
        ),
        is_compressed=store.compression == "auto",
        made_by=f"stadtzwilling {version('stadtzwilling')}",
    )


@dataclass
class _Office:
    """What the running job remembers between its passes."""

    instance: str
    started_at: datetime
    expired_at: datetime | None = None
    beaten_at: datetime | None = None
    computed: int = 0
    deleted: int = 0
    figures: dict[str, float] = field(default_factory=dict)


def maintain(twin: Twin, rule: UpkeepRule, *, stop: threading.Event, instance: str) -> None:
    """Do the upkeep until ``stop`` is set; the database may go away and come back."""
    office = _Office(instance, twin.now())
    while not stop.is_set():
        try:
            report = twin.roll_up(rule)
            if report is None:
                pause_s, state = AWAY_S, "waiting for another maintain"
            else:
                is_busy = report.oldest_due is not None and report.computed > 0
                pause_s, state = (0.0 if is_busy else POLL_S), "live"
                office.computed += report.computed
                _expire_in_time(twin, rule, office)
            _beat(twin, office, report, state=state)
        except StoreUnavailableError as error:
            logger.warning("store_unavailable", extra={"reason": str(error)})
            pause_s = AWAY_S
        stop.wait(pause_s)


def maintain_once(twin: Twin, rule: UpkeepRule) -> bool:
    """Bring every rollup that is over up to date, delete what is too old, and say so.

    False if another process does the upkeep.
    """
    computed = removed = 0
    while True:
        report = twin.roll_up(rule, settle_s=0.0)
        if report is None:
            return False
        computed, removed = computed + report.computed, removed + report.removed
        if report.oldest_due is None or report.computed + report.removed == 0:
            break
    deletions = twin.expire(rule) or ()
    _say(f"rollups: {computed} buckets computed, {removed} removed, {report.pending} waiting")
    _say(f"retention: {sum(entry.row_count for entry in deletions)} rows deleted")
    _say(f"compression: {compression_in_words(twin, rule)}")
    return True


def prove(twin: Twin, rule: UpkeepRule, *, expect: tuple[int, bytes] | None = None) -> bool:
    """Print and verify the proof of deletion, and look for rows that should be gone.

    With the number and hash of an entry that was noted outside the database, a chain that its
    owner has written anew shows, too.
    """
    entries = twin.deletions()
    for entry in entries:
        _say(line_of(entry))
    broken = first_broken(entries)
    if broken is not None:
        _say(f"the chain is broken at entry {broken}: it was edited, added, or follows a gap")
    elif entries:
        newest = f"{entries[-1].number}:{entries[-1].hash.hex()}"
        _say(f"the chain of {len(entries)} entries holds; note the newest one: {newest}")
    else:
        _say("nothing has been deleted yet")
    is_expected = expect is None or is_entry(entries, *expect)
    if expect is not None and is_expected:
        _say(f"entry {expect[0]} is the one that was noted")
    elif expect is not None:
        _say(f"entry {expect[0]} is not the one that was noted: the chain was written anew")
    overdue = twin.overdue(rule, grace=RETENTION_EVERY)
    for rows in overdue:
        _say(
            f"overdue: {rows.row_count} rows of {rows.series} ({rows.privacy_class or 'no class'}) "
            f"from {rows.t_from:%Y-%m-%d} to {rows.t_to:%Y-%m-%d}, rule {rows.rule}"
        )
    if not overdue:
        _say("no row is older than its retention")
    return broken is None and is_expected and not overdue


def noted(text: str) -> tuple[int, bytes]:
    """Number and hash of an entry of the proof, as `--proof` prints the newest one.

    Examples
    --------
    >>> noted("7:" + 32 * "00") == (7, bytes(32))
    True
    """
    number, _, digits = text.partition(":")
    found = int(number), bytes.fromhex(digits)
    if len(found[1]) != len(FIRST_HASH):
        raise ValueError("a hash of the proof has 64 digits")
    return found


def line_of(entry: Deletion) -> str:
    """One entry of the proof for people."""
    return (
        f"{entry.number} {entry.deleted_at:%Y-%m-%dT%H:%M:%SZ} {entry.series} "
        f"{entry.privacy_class or '-'} {entry.t_from:%Y-%m-%dT%H:%M:%SZ} to "
        f"{entry.t_to:%Y-%m-%dT%H:%M:%SZ} rows {entry.row_count} ({entry.rule}; {entry.made_by}) "
        f"{entry.hash.hex()[:16]}"
    )


def compression_in_words(twin: Twin, rule: UpkeepRule) -> str:
    """Whether old data are compressed here, and if not, why."""
    answer = twin.compress(rule)
    if answer == "not offered":
        return "not offered by this server (needs the community edition of TimescaleDB)"
    return "on, for chunks older than 30 days" if answer == "on" else "off (store.compression)"


def _expire_in_time(twin: Twin, rule: UpkeepRule, office: _Office) -> None:
    """Retention once an hour."""
    now = twin.now()
    if office.expired_at is not None and now - office.expired_at < RETENTION_EVERY:
        return
    deletions = twin.expire(rule)
    if deletions is None:
        return
    office.expired_at = now
    office.deleted += sum(entry.row_count for entry in deletions)
    if deletions:
        newest = deletions[-1]
        # Outside the database, so that a shortened proof shows.
        facts = {"entry": newest.number, "hash": newest.hash.hex()}
        logger.info("deletion_proved", extra=facts)
    logger.info("compression", extra={"state": twin.compress(rule)})
    _tell_quarantine(twin, rule, deletions)


def _tell_quarantine(twin: Twin, rule: UpkeepRule, deletions: Sequence[Deletion]) -> None:
    bounded = [d for d in deletions if d.rule.startswith(QUARANTINE_BOUND)]
    if bounded:
        cleared = sum(d.row_count for d in bounded if d.series == "quarantine.payload")
        removed = sum(d.row_count for d in bounded if d.series == "quarantine")
        detail = (
            f"above {rule.retention.quarantine_bytes} bytes {cleared} payloads and {removed} "
            "entries were removed"
        )
        twin.open_alarm("quarantine_full", "quarantine", detail)
    else:
        twin.close_alarm("quarantine_full", "quarantine")


def _beat(twin: Twin, office: _Office, report: RollupReport | None, *, state: str) -> None:
    now = twin.now()
    since_s = (now - (office.beaten_at or office.started_at)).total_seconds()
    if office.beaten_at is not None and since_s < BEAT_S:
        return
    if report is not None:
        oldest_s = (now - report.oldest_due).total_seconds() if report.oldest_due else 0.0
        office.figures = {
            "pending": float(report.pending),
            "oldest_due_s": max(0.0, oldest_s),
            "buckets_per_s": office.computed / since_s if since_s > 0 else 0.0,
            "rows_deleted": float(office.deleted),
        }
    office.computed, office.beaten_at = 0, now
    twin.beat(JobStatus("maintain", office.instance, office.started_at, now, state, office.figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin maintain", description="Rollups, retention and compression of one database."
    )
    parser.add_argument("--once", action="store_true", help="do everything once and end")
    parser.add_argument(
        "--proof", action="store_true", help="print and verify the proof of deletion"
    )
    parser.add_argument(
        "--expect", metavar="NUMBER:HASH", type=noted, help="with --proof: an entry noted earlier"
    )
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
