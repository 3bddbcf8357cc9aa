"""What the city needs from the outside: the Protocols that rooms and plugins implement."""

from twin.ports.bridges import BridgeShelf, RecordBook
from twin.ports.clock import Clock
from twin.ports.decisions import DecisionBook
from twin.ports.engines import Engine, SolveControl, StructuralModel, TrafficEngine
from twin.ports.operations import AlarmBoard, GapBook, InstanceLocks, JobBoard, QuarantineDesk
from twin.ports.readings import History, ObservationStore
from twin.ports.registry import Inventory
from twin.ports.runs import RunQueue, TrafficShelf
from twin.ports.sources import Backfill, Codec
from twin.ports.store import Store
from twin.ports.upkeep import Room, Upkeep

__all__ = [
    "AlarmBoard",
    "Backfill",
    "BridgeShelf",
    "Clock",
    "Codec",
    "DecisionBook",
    "Engine",
    "GapBook",
    "History",
    "InstanceLocks",
    "Inventory",
    "JobBoard",
    "ObservationStore",
    "QuarantineDesk",
    "RecordBook",
    "Room",
    "RunQueue",
    "SolveControl",
    "Store",
    "StructuralModel",
    "TrafficEngine",
    "TrafficShelf",
    "Upkeep",
]
