"""The real ingester with one deliberate defect: ``defective_ingester.py DEFECT --city X ingest``.

For `test_mutations` alone: a suite that does not notice these defects is worthless. The classes
are patched in this process only; no defect is a switch of the product.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from sensors.broker import Delivery, Subscriber
from twin.cli import main
from twin.model.observations import RecordResult
from twin.store.postgres import write
from twin.store.postgres.connections import Connection


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
    """End the transaction of every batch with ROLLBACK and say that it went well."""
    query, record = write.query, write.record_at_once

    def rolled_back(name: str) -> bytes:
        return b"ROLLBACK" if name == "commit_batch" else query(name)

    def recorded_in_vain(connection: Connection, *rest: Any, **more: Any) -> RecordResult | None:
        connection.execute(b"BEGIN")  # the statement commits by itself only outside of a block
        try:
            return record(connection, *rest, **more)
        finally:
            connection.execute(b"ROLLBACK")

    write.query = rolled_back  # pyrefly: ignore[bad-assignment]
    write.record_at_once = recorded_in_vain


def none() -> None:
    """Leave the ingester as it is."""


DEFECTS: dict[str, Callable[[], None]] = {
    one.__name__: one for one in (none, acknowledge_before_the_commit, roll_the_commit_back)
}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
