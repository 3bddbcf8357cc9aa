"""``twin measures decide``, ``publish``, ``withdraw``, ``grant``: from a measure to an order."""

import argparse
import getpass
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from twin.city import Twin
from twin.errors import DecisionError
from twin.model.bridge import Restriction
from twin.model.decisions import PERMISSIONS, RELEASE, RELEASED, Decision, Order
from twin.model.order_words import order_text, restriction_text, signs_for
from twin.model.records import UNIT_OF_RESTRICTION
from twin.publishing import beside, order_for, preview, publish, write_outbox
from twin.runtime import open_twin
from twin.settings import Settings

CALLER = "command line"
TEXTS = ("direction", "lane", "section", "vehicle_group", "weekdays")
LARGEST_KEY = 1000


def decide_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Decide a restriction of a bridge; it is among its restrictions from then on."""
    parser = argparse.ArgumentParser(
        prog="twin measures decide", description=decide_command.__doc__
    )
    parser.add_argument("asset", nargs="?", help="id of the bridge")
    parser.add_argument("--person", required=True, help="who decides")
    parser.add_argument("--confirm", type=int, metavar="N", help="decide the draft N instead")
    parser.add_argument("--draft", action="store_true", help="keep it as a draft for now")
    parser.add_argument("--run", type=int, help="run that the decision rests on")
    parser.add_argument("--part", default="", help="number of the part structure")
    _add_restriction(parser)
    options = parser.parse_args(arguments)
    with closing(open_twin(settings, role="serve")) as twin:
        if options.confirm is not None:
            known = twin.decisions.decision(options.confirm)
            decided = twin.decisions.confirm(
                known.id,
                expected_version=known.version,
                person=options.person,
                reason=options.reason or known.order.reason,
            )
        else:
            if options.asset is None or options.kind is None:
                raise DecisionError("asset, --kind: state both, or --confirm a draft")
            order = order_for(
                twin,
                options.asset,
                _restriction(options, Restriction(options.kind)),
                reason=options.reason,
                part=options.part,
                run_id=options.run,
            )
            decided = twin.decisions.decide(order, person=options.person, is_draft=options.draft)
        _tell(decided)
        found = beside(twin, decided.order)
        for language in settings.dashboards.languages:
            _say(order_text(decided.order, language, beside=found).plain())
    return 0


def publish_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Release a decision as DATEX II message, or an update of one; needs a release key."""
    parser = argparse.ArgumentParser(
        prog="twin measures publish", description=publish_command.__doc__
    )
    parser.add_argument("decision", type=int, help="number of the decision")
    parser.add_argument("--dry-run", action="store_true", help="print the message, keep nothing")
    _add_release(parser)
    _add_restriction(parser)
    options = parser.parse_args(arguments)
    with closing(open_twin(settings, role="serve")) as twin:
        known = twin.decisions.decision(options.decision)
        order = _updated(options, known)
        if options.dry_run:
            content, notice = preview(twin, settings, known.id, order=order)
            sys.stdout.write(content.decode())
            print(  # noqa: T201 - beside the message
                f"valid; would be version {notice.version} of {notice.id}; nothing was kept",
                file=sys.stderr,
            )
            return 0
        done = publish(
            twin,
            settings,
            known.id,
            expected_version=_version(options, known),
            key=_key(options.key_file),
            reason=options.reason or known.order.reason,
            caller=CALLER,
            order=order,
        )
        _tell(done)
        _say(f"written: {write_outbox(twin, settings)}")
    return 0


def withdraw_command(settings: Settings, arguments: Sequence[str]) -> int:
    """End a decision; one that was published needs a release key."""
    parser = argparse.ArgumentParser(
        prog="twin measures withdraw", description=withdraw_command.__doc__
    )
    parser.add_argument("decision", type=int, help="number of the decision")
    parser.add_argument("--person", default="", help="who withdraws what was not published")
    parser.add_argument("--reason", required=True)
    _add_release(parser)
    options = parser.parse_args(arguments)
    with closing(open_twin(settings, role="serve")) as twin:
        known = twin.decisions.decision(options.decision)
        needs_key = known.state in RELEASED
        done = twin.decisions.withdraw(
            known.id,
            expected_version=_version(options, known),
            reason=options.reason,
            caller=CALLER,
            key=_key(options.key_file) if needs_key else "",
            person=options.person,
        )
        _tell(done)
        if needs_key:
            _say(f"written: {write_outbox(twin, settings)}")
    return 0


def decisions_command(settings: Settings, arguments: Sequence[str]) -> int:
    """List decisions with their steps, or the draft of the order of one."""
    parser = argparse.ArgumentParser(
        prog="twin measures decisions", description=decisions_command.__doc__
    )
    parser.add_argument("decision", type=int, nargs="?", help="number of the decision")
    options = parser.parse_args(arguments)
    with closing(open_twin(settings, role="serve")) as twin:
        if options.decision is None:
            for decision in twin.decisions.decisions():
                _tell(decision)
            return 0
        decision = twin.decisions.decision(options.decision)
        _tell(decision)
        for event in decision.events:
            _say(f"  {event.version} {event.at:%Y-%m-%d %H:%M} {event.state} by {event.person}")
        found = beside(twin, decision.order)
        for language in settings.dashboards.languages:
            _say(order_text(decision.order, language, beside=found).plain())
    return 0


def grant_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Give a person a right, end it, or list all; a key is shown once."""
    parser = argparse.ArgumentParser(prog="twin measures grant", description=grant_command.__doc__)
    parser.add_argument("person", nargs="?", help="such as an authority")
    parser.add_argument(
        "--permission",
        choices=PERMISSIONS,
        default=RELEASE,
        help="to release decisions, or to create readings over SensorThings",
    )
    parser.add_argument("--revoke", type=int, metavar="N", help="end the right N")
    parser.add_argument("--list", action="store_true", help="list all rights")
    options = parser.parse_args(arguments)
    with closing(open_twin(settings, role="serve")) as twin:
        if options.person:
            grant, key = twin.decisions.grant(options.person, permission=options.permission)
            _say(f"grant {grant.id} for {grant.person} ({grant.permission}); shown this once:")
            _say(key)
        if options.revoke is not None:
            _say(f"grant {twin.decisions.revoke(options.revoke).id} is revoked")
        if options.list or (not options.person and options.revoke is None):
            _list_grants(twin)
    return 0


def _list_grants(twin: Twin) -> None:
    for grant in twin.decisions.grants():
        end = "" if grant.revoked_at is None else f", revoked {grant.revoked_at:%Y-%m-%d %H:%M}"
        _say(
            f"{grant.id} {grant.person}: {grant.permission} since {grant.granted_at:%Y-%m-%d}{end}"
        )


def _add_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", type=Path, help="file with the release key; else asked for")
    parser.add_argument("--version", type=int, help="refuse if the decision has another by now")


def _add_restriction(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", help="ASB key, such as 5 for gross weight")
    parser.add_argument("--value", type=float, help="extent in t, km/h or m")
    parser.add_argument("--from", dest="valid_from", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--until", dest="valid_until", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--daily", metavar="HH:MM-HH:MM", help="local time")
    parser.add_argument("--weekdays", help="such as Mo,Tu,We")
    parser.add_argument("--vehicles", dest="vehicle_group", help="such as lorries")
    parser.add_argument("--direction")
    parser.add_argument("--lane")
    parser.add_argument("--section")
    parser.add_argument("--link", action="append", help="link that it acts on; may be repeated")
    parser.add_argument("--sign", action="append", help="StVO sign instead of those of the table")
    parser.add_argument("--reason", default="", help="why; it stays in the city")


def _restriction(options: argparse.Namespace, known: Restriction) -> Restriction:
    """Restriction with what the command line says instead of what was known."""
    kind = options.kind or known.kind
    changes: dict[str, Any] = {"kind": kind}
    if options.value is not None:
        changes |= {"value": options.value, "unit": UNIT_OF_RESTRICTION.get(kind, known.unit)}
    for name in ("valid_from", "valid_until", *TEXTS):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    if options.daily is not None:
        changes["daily_from"], _, changes["daily_until"] = options.daily.partition("-")
    if options.link:
        changes["links"] = tuple(options.link)
    if options.sign or len(changes) > 1:
        changes["signs"] = tuple(options.sign or ())
    return replace(known, **changes)


def _updated(options: argparse.Namespace, known: Decision) -> Order | None:
    """Order of an update; None where the command line changes nothing."""
    limit = known.order.restriction
    changed = _restriction(options, limit)
    if changed == limit:
        return None
    if not changed.signs:
        changed = replace(changed, signs=signs_for(changed))
    return replace(known.order, restriction=changed)


def _version(options: argparse.Namespace, known: Decision) -> int:
    return known.version if options.version is None else options.version


def _key(file: Path | None) -> str:
    """Release key of a file, or typed without being shown."""
    if file is None:
        try:
            return getpass.getpass("release key: ")
        except EOFError:
            raise DecisionError("no terminal to ask for the release key; name --key-file") from None
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.read(LARGEST_KEY).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DecisionError(f"{file}: the release key cannot be read: {error}") from error


def _tell(decision: Decision) -> None:
    order = decision.order
    _say(
        f"decision {decision.id}, version {decision.version}: {decision.state}; "
        f"{order.name}: {restriction_text(order.restriction, 'en')}"
    )


def _say(text: str) -> None:
    print(text)  # noqa: T201 - a command
