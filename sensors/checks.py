"""What ``twin check`` asks of the routing rules."""

from collections.abc import Sequence

from sensors.routing import check_rules
from twin.plugins import find
from twin.settings import Settings


def check(settings: Settings) -> Sequence[str]:
    """Every problem of the routing rules and their codecs, in words."""
    rules = settings.codec.rule
    problems = check_rules(rules)
    known = find("codecs")
    problems += [
        f"codec.rule {number} ({rule.topic}): no codec {rule.codec!r} is installed; "
        f"installed: {', '.join(sorted(known))}"
        for number, rule in enumerate(rules, start=1)
        if rule.codec not in known
    ]
    if not rules:
        problems.append("no [[codec.rule]] is declared: nothing will be ingested")
    return problems
