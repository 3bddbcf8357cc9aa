"""When a model is trained anew: on more seasons, and only at a bridge that was judged sound.

One rule for all learned models of a bridge. A model that has not yet learned over a full year is
trained anew, as the next version in the register, on all but the kept-back newest days, once a
while has passed and as much more can be learned: a month, for frequencies three days. Its last
judgement must have been without an alarm, and no finding of its rules may lie in or after what it
would learn: one that is open, or that was closed without a person having judged it ``rejected``.
When a year has been learned it is never trained anew of its own accord. Earlier versions stay,
with what was stored by them.

What this cannot: damage of the first year that grows so slowly, or comes while so little is
armed, that it raises no finding in time is learned like everything else. Of sixteen made-up
bridges that began in winter and lost 1 % in their first May, two were learned so; none of those
that lost it in June (docs/benchmarks/monitoring.md).
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from simulations.bridges.inputs import HOUR_US, Bridge, Ints
from twin.errors import ModelError
from twin.model.acoustics import verdict_of
from twin.model.finding_steps import StoredFinding
from twin.model.monitoring import TrainedModel
from twin.model.times import to_us

logger = logging.getLogger(__name__)

YEAR_US = 365 * 24 * HOUR_US
GROWN = timedelta(days=30)
"""So much more must there be to learn from; own choice: a month holds other weather."""


def anew(
    bridge: Bridge,
    known: TrainedModel,
    time_us: Ints,
    *,
    rules: Iterable[str],
    train: Callable[[], TrainedModel],
    grown: timedelta = GROWN,
) -> tuple[TrainedModel, ...]:
    """The next version of a model whose last judgement raised no alarm; none if it stays.

    Parameters
    ----------
    known
        The newest version that can be read.
    time_us : (n,)
        Rising times of the rows that may be learned: all but those kept back [us since 1970].
    rules
        Rules of the findings that rest on this model.
    train
        Trains on these rows; what it refuses leaves everything as it is.
    grown
        So much more must there be to learn, and so long must the newest version have stood.
    """
    if not _has_grown(bridge, known, time_us, grown) or _has_learned_a_year(bridge, known):
        return ()
    if _is_found(bridge, frozenset(rules), since_us=int(time_us[0])):
        return ()
    try:
        return (train(),)
    except ModelError as error:
        logger.info("not_trained_anew", extra={"model": known.name, "reason": str(error)})
        return ()


def _has_grown(bridge: Bridge, known: TrainedModel, time_us: Ints, grown: timedelta) -> bool:
    """Also by the clock: a gap at the end of what was learned is no reason to learn every hour."""
    if not len(time_us) or bridge.now - known.trained_at < grown:
        return False
    return int(time_us[-1]) - to_us(known.trained_until) >= grown // timedelta(microseconds=1)


def _has_learned_a_year(bridge: Bridge, known: TrainedModel) -> bool:
    """Counted from the first version: the record that is read may be shorter than a year."""
    models = bridge.twin.bridges.models(bridge.asset.id)
    first = min(item.trained_from for item in models if item.name == known.name)
    return to_us(known.trained_until) - to_us(first) >= YEAR_US


def _is_found(bridge: Bridge, rules: frozenset[str], *, since_us: int) -> bool:
    return any(
        stored.finding.rule in rules
        and to_us(stored.finding.at) >= since_us
        and not _is_rejected(stored)
        for stored in bridge.twin.bridges.findings(bridge.asset.id, only_open=False)
    )


def _is_rejected(stored: StoredFinding) -> bool:
    return not stored.is_open and verdict_of(stored) == "rejected"
