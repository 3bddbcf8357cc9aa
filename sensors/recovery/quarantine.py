"""The job ``quarantine``: look at what could not be stored, and feed it in again after a fix."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sensors.metadata import read_tables
from sensors.pipeline.memory import CodecMemory
from sensors.pipeline.preparation import Pipeline
from sensors.policies import installed_codecs, time_policy
from sensors.recovery.replaying import Replay, Replayer, in_order, pages
from sensors.routing import Router, StreamTable
from twin.city import Twin
from twin.errors import RegistryError, SettingsError
from twin.model.interventions import suggestion
from twin.model.messages import REASONS
from twin.model.observations import QuarantineEntry
from twin.model.quarantine import Case, CaseFilter, CaseState, discarded
from twin.runtime import open_twin
from twin.settings import Settings

SPAN = re.compile(r"(\d{1,6})(min|m|h|d)", re.ASCII)
UNITS = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
ALL_STATES: tuple[CaseState, ...] = ("open", "failed again", "replayed", "discarded")
LISTED = 50
HEAD_SHOWN = 400
DETAIL_SHOWN = 70
TOPIC_SHOWN = 40


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """List, show, replay or discard; exit code 1 if a case could not be replayed, else 0."""
    options = _parser().parse_args(arguments)
    with closing(open_twin(settings, role="ingest")) as twin:
        if options.action == "show":
            return _show(twin.case(options.id), _uids(twin), as_json=options.json)
        chosen = _filter(twin, options)
        if options.action == "list":
            found = twin.cases(chosen, limit=options.limit + 1)
            is_cut = len(found) > options.limit >= 0
            _list(found[: max(options.limit, 0)], _uids(twin), as_json=options.json)
            return _tell_cut(options.limit) if is_cut else 0
        ids = options.ids or _chosen_ids(twin, chosen, options)
        if options.action == "discard":
            return _discard(twin, ids, as_json=options.json)
        replayer = Replayer(twin, _pipeline(twin, settings))
        return _replay(replayer, ids, is_dry=options.dry_run, as_json=options.json)


def _pipeline(twin: Twin, settings: Settings) -> Pipeline:
    return Pipeline.of(
        Router(settings.codec.rule),
        installed_codecs(settings),
        StreamTable(twin.datastreams()),
        time_policy(settings),
        memory=CodecMemory(tables=read_tables(settings)),
    )


def _chosen_ids(twin: Twin, chosen: CaseFilter, options: argparse.Namespace) -> list[int]:
    is_chosen = any((options.source, options.reason, options.stream, options.text, options.since))
    if options.action == "discard" and not is_chosen:
        raise SettingsError(
            "discard what? Name ids, or choose with --source, --reason, --stream, --since, --text"
        )
    return in_order(pages(twin, chosen))


def _uids(twin: Twin) -> Mapping[int | None, str]:
    """Id of every datastream by its number."""
    return {one.number: one.uid for one in twin.datastreams()}


def _tell_cut(limit: int) -> int:
    """Say beside the list that there is more; exit code 0."""
    sys.stderr.write(
        f"only the newest {limit} are listed, there are more: choose with --reason, --source, "
        f"--stream, --since or --text, or raise --limit {limit}\n"
    )
    return 0


def _list(
    entries: Sequence[QuarantineEntry], uids: Mapping[int | None, str], *, as_json: bool
) -> None:
    if as_json:
        _write(json.dumps(_facts(entry, uids)) for entry in entries)
        return
    columns = ("id", "last seen (UTC)", "seen", "state", "source", "reason", "topic or datastream")
    rows = [(*columns, "detail")]
    rows += [
        (
            str(entry.id),
            f"{entry.last_seen:%Y-%m-%d %H:%M:%S}",
            str(entry.seen),
            entry.state,
            entry.source,
            entry.reason,
            _short(entry.topic or uids.get(entry.datastream_number, ""), TOPIC_SHOWN),
            _short(entry.detail, DETAIL_SHOWN),
        )
        for entry in entries
    ]
    _write(table(rows))


def _show(case: Case, uids: Mapping[int | None, str], *, as_json: bool) -> int:
    facts = {
        **_facts(case.entry, uids),
        "payload_sha256": case.payload_sha256.hex(),
        "is_replayable": case.payload is not None,
        "settled": case.settled,
        "head": case.entry.head.decode("utf-8", "backslashreplace"),
    }
    if as_json:
        _write([json.dumps(facts)])
        return 0
    facts["head"] = _short(str(facts["head"]), HEAD_SHOWN)
    width = max(map(len, facts))
    _write(f"{name:{width}}  {_printable(str(value))}" for name, value in facts.items())
    return 0


def _replay(replayer: Replayer, ids: Iterable[int], *, is_dry: bool, as_json: bool) -> int:
    counts: Counter[str] = Counter()
    for case_id in ids:
        done = _once(replayer, case_id, is_dry=is_dry)
        counts[done.verdict] += 1
        counts["stored"] += done.stored
        counts["duplicate"] += done.duplicate
        if as_json:
            _write([json.dumps({name: getattr(done, name) for name in Replay.__slots__})])
        elif done.detail:
            _write([f"{done.case_id}: {done.verdict}: {_printable(done.detail)}"])
    if not as_json:
        will = "dry run, nothing written: " if is_dry else ""
        summary = (
            f"{will}{counts['replayed']} replayed, {counts['failed again']} failed again, "
            f"{counts['cannot']} cannot be replayed; {counts['stored']} readings stored, "
            f"{counts['duplicate']} were there already"
        )
        _write([summary])
    return 1 if counts["failed again"] or counts["cannot"] else 0


def _once(replayer: Replayer, case_id: int, *, is_dry: bool) -> Replay:
    try:
        return replayer.replay(case_id, is_dry=is_dry)
    except RegistryError as error:
        return Replay(case_id, "cannot", str(error))


def _discard(twin: Twin, ids: Iterable[int], *, as_json: bool) -> int:
    run = uuid4()
    done = 0
    for case_id in ids:
        case = twin.case(case_id)
        done += twin.settle_case(discarded(case, day=case.entry.first_seen), incarnation=run)
    _write([json.dumps({"discarded": done}) if as_json else f"{done} discarded"])
    return 0


def _facts(entry: QuarantineEntry, uids: Mapping[int | None, str]) -> dict[str, object]:
    return {
        "id": entry.id,
        "state": entry.state,
        "source": entry.source,
        "reason": entry.reason,
        "detail": entry.detail,
        "topic": entry.topic,
        "codec": entry.codec,
        "first_seen": entry.first_seen.isoformat(),
        "last_seen": entry.last_seen.isoformat(),
        "seen": entry.seen,
        "size_bytes": entry.size_bytes,
        "datastream": uids.get(entry.datastream_number),
        "datastream_number": entry.datastream_number,
        "time": entry.time.isoformat() if entry.time else None,
        "value": entry.value,
    }


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its columns as wide as their longest text.

    Examples
    --------
    >>> table([("id", "reason"), ("7", "late")])
    ['id  reason', '7   late']
    """
    cells = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _printable(text: str) -> str:
    """The text without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _filter(twin: Twin, options: argparse.Namespace) -> CaseFilter:
    if options.reason and options.reason not in REASONS:
        hint = suggestion(options.reason, sorted(REASONS))
        raise SettingsError(f"--reason {options.reason[:40]!r} is unknown{hint}")
    known = {one.uid: one for one in twin.datastreams()} if options.stream else {}
    if options.stream and options.stream not in known:
        _check_topic(twin, options.stream, known)
    stream = known.get(options.stream)  # its messages name the device, not the datastream
    return CaseFilter(
        source=options.source,
        reason=options.reason,
        number=stream.number if stream else None,
        stream=stream.route_key.partition("#")[0] if stream else options.stream,
        since=parse_since(options.since, now=twin.now()) if options.since else None,
        text=options.text,
        states=ALL_STATES if getattr(options, "all", False) else ("open", "failed again"),
    )


def _check_topic(twin: Twin, text: str, uids: Iterable[str]) -> None:
    """Refuse a text that names no datastream and is in no topic or detail, of any state."""
    if not twin.cases(CaseFilter(stream=text, states=ALL_STATES), limit=1):
        raise SettingsError(
            f"--stream {text[:40]!r} is the id of no datastream and part of no topic in the "
            f"quarantine{suggestion(text, uids)}"
        )


def parse_since(text: str, *, now: datetime) -> datetime:
    """Aware UTC time of ``2026-11-22``, ``2026-11-22T08:00``, or ``30min``, ``6h``, ``3d`` ago.

    ``30m`` is 30 minutes, too.

    Raises
    ------
    SettingsError
        If it is none of these.

    Examples
    --------
    >>> parse_since("6h", now=datetime(2026, 11, 22, 9, tzinfo=UTC)).hour
    3
    """
    span = SPAN.fullmatch(text)
    try:
        if span:
            return now - int(span[1]) * UNITS[span[2]]
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"--since {text[:40]!r} is no time; write 2026-11-22, 2026-11-22T08:00 (UTC), 30min, "
            "6h or 3d"
        ) from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin quarantine",
        description="What could not be stored: look at it, and feed it in again after a fix.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="entries, the newest first")
    listing.add_argument("--all", action="store_true", help="also replayed and discarded ones")
    listing.add_argument("--limit", type=int, default=LISTED, help=f"at most; {LISTED}")
    show = actions.add_parser("show", help="one entry with the beginning of its payload")
    show.add_argument("id", type=int)
    replay = actions.add_parser("replay", help="through the present mapping into the store")
    replay.add_argument("--dry-run", action="store_true", help="say what would happen")
    discard = actions.add_parser("discard", help="close entries that nobody wants")
    for action in (replay, discard):
        action.add_argument("ids", type=int, nargs="*", metavar="ID")
    for action in (listing, replay, discard):
        action.add_argument("--source", default="", help="source, exactly")
        action.add_argument("--reason", default="", help="reason, exactly")
        action.add_argument("--stream", default="", help="id of a datastream, or part of a topic")
        action.add_argument("--since", default="", help="seen since: 2026-11-22, 30min, 6h, 3d")
        action.add_argument("--text", default="", help="part of topic or detail")
    for action in (listing, show, replay, discard):
        action.add_argument("--json", action="store_true", help="one JSON object per line")
    return parser
