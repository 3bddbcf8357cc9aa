"""Which states of analyses may go: superseded ones that no finding speaks of; see ADR 0060. Pure.

The same rule as ``twin_expire_states`` in the database; a contract test holds both to it.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

KEPT_VERSIONS = 2
"""The newest version of a model, and the one before: an older programme may read that one only."""
GROUPED = "modes."
"""States of groups of channels that are analysed together, joined by a plus."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version in the register of trained models."""

    asset_id: str
    name: str
    version: int
    trained_at: datetime


def spare_versions(
    versions: Iterable[ModelVersion], spoken: Mapping[str, Sequence[datetime]]
) -> frozenset[tuple[str, str]]:
    """Versions whose working state may go, each as asset and ``<model>.<version>``.

    What stays: the newest versions, the last one of every month (UTC), and the one that was in
    force when a finding of the asset was opened, stated or moved.

    Parameters
    ----------
    spoken
        Those times of the findings, by asset.

    Examples
    --------
    >>> days = [datetime(2026, 5, day, tzinfo=UTC) for day in (1, 4, 7, 10, 13)]
    >>> known = [ModelVersion("B1", "m", n, at) for n, at in enumerate(days, start=1)]
    >>> sorted(name for _, name in spare_versions(known, {"B1": [days[1].replace(hour=1)]}))
    ['m.1', 'm.3']
    """
    models: dict[tuple[str, str], list[ModelVersion]] = {}
    for one in versions:
        models.setdefault((one.asset_id, one.name), []).append(one)
    spare: set[tuple[str, str]] = set()
    for (asset_id, name), listed in models.items():
        ordered = sorted(listed, key=lambda one: one.version)
        last_of_month = {_month(one.trained_at): one.version for one in ordered}
        for one, after in itertools.pairwise(ordered):
            is_newest = one.version >= ordered[-KEPT_VERSIONS:][0].version
            is_last = last_of_month[_month(one.trained_at)] == one.version
            is_spoken_of = any(
                one.trained_at <= time <= after.trained_at for time in spoken.get(asset_id, ())
            )
            if not (is_newest or is_last or is_spoken_of):
                spare.add((asset_id, f"{name}.{one.version}"))
    return frozenset(spare)


def spare_states(
    kept: Mapping[tuple[str, str], datetime],
    spare: frozenset[tuple[str, str]],
    *,
    before: datetime,
) -> Sequence[tuple[str, str]]:
    """Asset and name of the states that go.

    Of those not kept anew since ``before``: states ``<model>.<version>`` and
    ``<model>.<version>.<more>`` of spare versions, and a group of channels of which one is in a
    group that was kept later. Copies beside a version (``<model>@<version>``) always stay.

    Parameters
    ----------
    kept
        When each state was kept last.
    spare
        See `spare_versions`.

    Examples
    --------
    >>> old, new = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    >>> kept = {("B1", "m.1"): old, ("B1", "m.1.recent"): old, ("B1", "m@1"): old,
    ...         ("B1", "m.2"): new, ("B1", "modes.a"): old, ("B1", "modes.a+b"): new,
    ...         ("B1", "modes.c"): old}
    >>> [name for _, name in spare_states(kept, frozenset({("B1", "m.1")}), before=new)]
    ['m.1', 'm.1.recent', 'modes.a']
    """
    old = sorted(key for key, at in kept.items() if at < before)
    return [key for key in old if _is_of(key, spare) or _is_regrouped(key, kept)]


def _is_of(key: tuple[str, str], spare: frozenset[tuple[str, str]]) -> bool:
    asset_id, name = key
    words = name.split(".")
    return any((asset_id, ".".join(words[:end])) in spare for end in range(1, len(words) + 1))


def _is_regrouped(key: tuple[str, str], kept: Mapping[tuple[str, str], datetime]) -> bool:
    if not key[1].startswith(GROUPED):
        return False
    return any(
        other[0] == key[0]
        and other[1].startswith(GROUPED)
        and at > kept[key]
        and not _channels(other[1]).isdisjoint(_channels(key[1]))
        for other, at in kept.items()
    )


def _channels(name: str) -> frozenset[str]:
    return frozenset(name.removeprefix(GROUPED).split("+"))


def _month(at: datetime) -> tuple[int, int]:
    local = at.astimezone(UTC)
    return local.year, local.month
