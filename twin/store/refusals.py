"""Refusals that every store words in the same way."""

from twin.errors import RegistryError, StoreError
from twin.model.alarms import ALARM_KINDS

MOST_ATTEMPTS = 3
TOO_COSTLY = (
    f"{MOST_ATTEMPTS} workers ended while they computed this run; see their log, probably it "
    "needs more memory than they may use"
)


def too_many_rows(number: int, *, found: int, limit: int) -> StoreError:
    """A series that holds more rows than the caller allows."""
    return StoreError(
        f"datastream {number} has {found} readings in this span, more than the limit of {limit}; "
        "ask for a shorter span or raise the limit"
    )


def unknown_run(run_id: int) -> RegistryError:
    """A run number that was never given."""
    return RegistryError(f"run {run_id} is unknown; use a number that submit returned")


def unknown_decision(decision_id: int) -> RegistryError:
    """A number of a decision that was never given."""
    return RegistryError(
        f"there is no decision {decision_id}; `twin measures decisions` lists those that there are"
    )


def unknown_grant(grant_id: int) -> RegistryError:
    """A number of a release grant that was never given."""
    return RegistryError(
        f"there is no release grant {grant_id}; `twin measures grant --list` lists them"
    )


def unknown_base(content_hash: str) -> RegistryError:
    """A base that was never stored, or was deleted."""
    return RegistryError(
        f"the traffic base {content_hash[:12]!r} is not stored; `twin estimate` makes one"
    )


def unknown_case(case_id: int) -> RegistryError:
    """A number of the quarantine that was never given, or whose entry was deleted."""
    return RegistryError(
        f"the quarantine has no entry {case_id}; `twin quarantine list` shows those that are kept"
    )


def check_alarm_kind(kind: str) -> None:
    """StoreError if the table ``alarm_kinds.csv`` has no such kind."""
    if kind not in ALARM_KINDS:
        raise StoreError(f"alarm kind {kind!r} is unknown; add it to alarm_kinds.csv")
