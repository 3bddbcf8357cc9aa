"""A disk in memory that forgets what was not synced, and that fails where a test says so."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn


class PowerCut(BaseException):
    """The machine ends in the middle of a call."""


@dataclass
class File:
    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    is_forgotten: bool = False  # an fsync failed: the kernel dropped the pages and says no more


@dataclass
class MemoryDisk:
    """Implements `sensors.spool.Disk`.

    ``fault`` is asked before every call with its name and its running number; it may raise. A
    failed write leaves half of the bytes behind. A failed fsync forgets the pages: later ones of
    that file succeed and keep nothing, as Linux does.
    """

    capacity: int = 10**9
    fault: Callable[[str, int], None] = lambda _name, _number: None
    files: dict[str, File] = field(default_factory=dict)
    durable_names: dict[str, File] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    is_locked: bool = False
    claimed_free: int = -1  # what the disk says where a quota hides the truth
    _open: dict[int, File] = field(default_factory=dict)
    _next: int = 3

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self.fault(name, len(self.calls))

    def lock(self, name: str) -> int:
        self._call("lock")
        if self.is_locked:
            raise BlockingIOError(errno.EAGAIN, "held")
        self.is_locked = True
        return self._opened(self.files.setdefault(name, File()))

    def names(self) -> list[str]:
        self._call("names")
        return list(self.files)

    def create(self, name: str) -> int:
        self._call("create")
        self.files[name] = File()
        return self._opened(self.files[name])

    def open(self, name: str) -> int:
        self._call("open")
        if name not in self.files:
            raise FileNotFoundError(errno.ENOENT, name)
        return self._opened(self.files[name])

    def _opened(self, file: File) -> int:
        self._next += 1
        self._open[self._next] = file
        return self._next

    def close(self, descriptor: int) -> None:
        self._call("close")
        del self._open[descriptor]

    def size(self, descriptor: int) -> int:
        self._call("size")
        return len(self._open[descriptor].content)

    def read(self, descriptor: int, *, offset: int, most_bytes: int) -> bytes:
        self._call("read")
        return bytes(self._open[descriptor].content[offset : offset + most_bytes])

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        try:
            self._call("write")
        except OSError:
            self._open[descriptor].content += content[: len(content) // 2]
            raise
        room = self.capacity - self.used_bytes
        if room <= 0:
            _full()
        taken = bytes(content[:room])
        self._open[descriptor].content += taken
        return len(taken)

    def truncate(self, descriptor: int, size: int) -> None:
        self._call("truncate")
        file = self._open[descriptor]
        del file.content[size:]
        file.content += bytes(size - len(file.content))

    def fsync(self, descriptor: int) -> None:
        file = self._open[descriptor]
        try:
            self._call("fsync")
        except OSError:
            file.is_forgotten = True
            raise
        if not file.is_forgotten:
            file.durable = bytes(file.content)

    def fsync_folder(self) -> None:
        self._call("fsync_folder")
        self.durable_names = dict(self.files)

    def rename(self, old: str, new: str) -> None:
        self._call("rename")
        self.files[new] = self.files.pop(old)

    def remove(self, name: str) -> None:
        self._call("remove")
        self.files.pop(name, None)

    def free_bytes(self) -> int:
        self._call("free_bytes")
        return self.claimed_free if self.claimed_free >= 0 else self.capacity - self.used_bytes

    @property
    def used_bytes(self) -> int:
        """Bytes of all files that have a name or are still open somewhere."""
        files = [*self.files.values(), *self._open.values()]
        return sum(len(file.content) for file in {id(file): file for file in files}.values())

    def after_kill(self) -> "MemoryDisk":
        """What the next process finds: everything that was written."""
        return MemoryDisk(files=dict(self.files), durable_names=dict(self.durable_names))

    def after_power_cut(self, kept: Callable[[int], int]) -> "MemoryDisk":
        """What the next boot finds: the durable, and ``kept(n)`` of n further bytes of each file.

        The bytes behind what was kept may read as zeros, as after a crash of ext4.
        """
        files: dict[str, File] = {}
        for name, file in self.durable_names.items():
            content = file.durable
            extra = file.content[len(content) :]
            if extra and file.content.startswith(content) and not file.is_forgotten:
                count = kept(len(extra))
                content += bytes(extra[:count]) + bytes(kept(len(extra) - count))
            files[name] = File(bytearray(content), content)
        return MemoryDisk(files=files, durable_names=dict(files))


def _full() -> NoReturn:
    raise OSError(errno.ENOSPC, "no space left on device")
