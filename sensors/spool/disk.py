"""The few calls of the operating system that the spool makes, behind one small port."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class Disk(Protocol):
    """Files in one folder; every call may raise OSError."""

    def lock(self, name: str) -> int:
        """Make the folder, take the lock that the process holds; BlockingIOError if held."""
        ...

    def names(self) -> list[str]:
        """Names of the files."""
        ...

    def create(self, name: str) -> int:
        """Open a new file for reading and for writing at its end; an old one is emptied."""
        ...

    def open(self, name: str) -> int:
        """Open a file for reading and for writing at its end."""
        ...

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        ...

    def size(self, descriptor: int) -> int:
        """Bytes of the file."""
        ...

    def read(self, descriptor: int, *, offset: int, most_bytes: int) -> bytes:
        """Bytes from an offset, fewer only at the end of the file."""
        ...

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        """Append; return how many bytes were taken, as ``write(2)`` does."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file."""
        ...

    def fsync(self, descriptor: int) -> None:
        """Make the file durable."""
        ...

    def fsync_folder(self) -> None:
        """Make the names durable."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over an old one of that name."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; nothing if there is none."""
        ...

    def free_bytes(self) -> int:
        """Bytes that we may still write on this disk."""
        ...


class SystemDisk:
    """A folder of the operating system.

    Parameters
    ----------
    folder
        Made at `lock`, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lock(self, name: str) -> int:
        """Make the folder, take the lock that the process holds; BlockingIOError if held."""
        self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # the process id is not written into it: this must work on a full disk, too
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def names(self) -> list[str]:
        """Names of the files."""
        return [path.name for path in self.folder.iterdir()]

    def create(self, name: str) -> int:
        """Open a new file for reading and for writing at its end; an old one is emptied."""
        return self._open(name, os.O_CREAT | os.O_TRUNC)

    def open(self, name: str) -> int:
        """Open a file for reading and for writing at its end."""
        return self._open(name, 0)

    def _open(self, name: str, flags: int) -> int:
        flags |= os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        return os.open(self.folder / name, flags, FILE_MODE)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def size(self, descriptor: int) -> int:
        """Bytes of the file."""
        return os.fstat(descriptor).st_size

    def read(self, descriptor: int, *, offset: int, most_bytes: int) -> bytes:
        """Bytes from an offset, fewer only at the end of the file."""
        parts: list[bytes] = []
        while most_bytes > 0:
            part = os.pread(descriptor, most_bytes, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            most_bytes -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        """Append; return how many bytes were taken, as ``write(2)`` does."""
        return os.write(descriptor, content)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file."""
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """Make the file durable."""
        os.fsync(descriptor)

    def fsync_folder(self) -> None:
        """Make the names durable."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over an old one of that name."""
        (self.folder / old).replace(self.folder / new)

    def remove(self, name: str) -> None:
        """Remove a file; nothing if there is none."""
        (self.folder / name).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Bytes that we may still write on this disk."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize
