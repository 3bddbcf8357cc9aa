"""The disk spool: messages that wait for the database, in files that survive a power cut."""

from sensors.spool.disk import Disk, SystemDisk
from sensors.spool.errors import SpoolError, SpoolFullError
from sensors.spool.places import Block, Cursor, Loss, SpoolReport
from sensors.spool.queue import Spool
from sensors.spool.records import UNKNOWN_SOURCE, Record, Spoolable

__all__ = [
    "UNKNOWN_SOURCE",
    "Block",
    "Cursor",
    "Disk",
    "Loss",
    "Record",
    "Spool",
    "SpoolError",
    "SpoolFullError",
    "SpoolReport",
    "Spoolable",
    "SystemDisk",
]
