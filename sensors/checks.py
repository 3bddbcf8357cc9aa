"""What ``twin check`` asks of the routing rules."""

from collections.abc import Sequence

from sensors.routing import check_rules
from twin.plugins import find
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
