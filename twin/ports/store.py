"""All that a city keeps, as one."""

from typing import Protocol

from twin.ports.bridges import BridgeShelf
from twin.ports.decisions import DecisionBook
from twin.ports.operations import AlarmBoard, GapBook, InstanceLocks, JobBoard, QuarantineDesk
from twin.ports.readings import History, ObservationStore
from twin.ports.registry import Inventory
from twin.ports.runs import RunQueue, TrafficShelf
from twin.ports.upkeep import Room, Upkeep


class Store(Inventory, ObservationStore, JobBoard, Protocol):
    """All that a city keeps; a store implements every part of it on one database.

    Newer parts are attributes instead of inherited methods.
    """

    @property
    def instances(self) -> InstanceLocks:
        """Return the names that this process holds."""
        ...

    @property
    def desk(self) -> QuarantineDesk:
        """Return the quarantine desk."""
        ...

    @property
    def gaps(self) -> GapBook:
        """Return the book of gaps."""
        ...

    @property
    def alarms(self) -> AlarmBoard:
        """Return the board of alarms."""
        ...

    @property
    def upkeep(self) -> Upkeep:
        """Return rollups and retention."""
        ...

    @property
    def room(self) -> Room:
        """Return what makes room for past days."""
        ...

    @property
    def history(self) -> History:
        """Return what reads back in any amount."""
        ...

    @property
    def runs(self) -> RunQueue:
        """Return the queue of runs."""
        ...

    @property
    def traffic(self) -> TrafficShelf:
        """Return bases of the traffic model and files of runs."""
        ...

    @property
    def bridges(self) -> BridgeShelf:
        """Return the inventory of bridges and what analyses left behind."""
        ...

    @property
    def decisions(self) -> DecisionBook:
        """Return decisions on measures, comments on runs and release grants."""
        ...

    def is_available(self) -> bool:
        """Whether the database answers now."""
        ...

    def description(self) -> str:
        """Return server, version and back-end in one line."""
        ...

    def close(self) -> None:
        """Release all connections."""
        ...
