"""What ``twin check`` asks of the routing rules."""

from collections.abc import Sequence

from sensors.metadata import table_problems
from sensors.routing import check_rules
from twin.errors import PluginError
from twin.plugins import find, load
from twin.settings import Settings


def check(settings: Settings) -> Sequence[str]:
    """Every problem of routing rules, codecs and back-fill hooks, in words."""
    rules = settings.codec.rule
    problems = check_rules(rules)
    known = find("codecs")
    problems += [
        f"codec.rule {number} ({rule.topic}): no codec {rule.codec!r} is installed; "
        f"installed: {', '.join(sorted(known))}"
        for number, rule in enumerate(rules, start=1)
        if rule.codec not in known
    ]
    problems += table_problems(settings)
    problems += _shared_state(settings)
    hooks = find("backfill")
    problems += [
        f"source {policy.name!r}: no back-fill hook {policy.backfill!r} is installed; "
        f"installed: {', '.join(sorted(hooks))}"
        for policy in settings.source
        if policy.backfill and policy.backfill not in hooks
    ]
    if not rules:
        problems.append("no [[codec.rule]] is declared: nothing will be ingested")
    return problems


def _shared_state(settings: Settings) -> list[str]:
    """Codecs with state need every message of a node in order: a shared group does not give it."""
    problems: list[str] = []
    known = find("codecs")
    for name in sorted({rule.codec for rule in settings.codec.rule} & set(known)):
        if not settings.ingest.shared_group:
            break
        try:
            has_state = getattr(load("codecs", name), "state_key", None) is not None
        except PluginError as error:
            problems.append(str(error))
            continue
        if has_state:
            problems.append(
                f"codec {name!r} keeps state from message to message, and ingesters of the shared "
                f"group {settings.ingest.shared_group!r} each see a part of them; read its topics "
                "with an ingester of its own city.toml without ingest.shared_group"
            )
    return problems
