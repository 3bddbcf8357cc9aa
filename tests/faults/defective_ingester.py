"""The real ingester with one deliberate defect: ``defective_ingester.py DEFECT --city X ingest``.

For `test_mutations` alone: a suite that does not notice these defects is worthless. The classes
are patched in this process only; no defect is a switch of the product.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from sensors.broker import Delivery, Subscriber
from twin.cli import main


def acknowledge_before_the_commit() -> None:
    """Tell the broker that a message is stored as soon as it is read."""
    poll, ack = Subscriber.poll, Subscriber.ack

    def early(self: Subscriber, **bounds: Any) -> list[Delivery]:
        taken = poll(self, **bounds)
        ack(self, taken)
        return taken

    def nothing_left(self: Subscriber, deliveries: Sequence[Delivery]) -> int:
        del self, deliveries
        return 0

    Subscriber.poll, Subscriber.ack = early, nothing_left  # type: ignore[method-assign]


def roll_the_commit_back() -> None:
    """End every transaction with ROLLBACK and say that it went well."""
    transaction = psycopg.Connection.transaction

    def rolled_back(
        self: psycopg.Connection[Any], *_: object, **__: object
    ) -> AbstractContextManager[psycopg.Transaction]:
        return transaction(self, force_rollback=True)

    psycopg.Connection.transaction = rolled_back  # type: ignore[method-assign]


def none() -> None:
    """Leave the ingester as it is."""


DEFECTS: dict[str, Callable[[], None]] = {
    one.__name__: one for one in (none, acknowledge_before_the_commit, roll_the_commit_back)
}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
