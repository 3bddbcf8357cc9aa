"""`twin.ports.InstanceLocks` of a store that only one process has."""

import threading


class MemoryInstances:
    """Names of the only process there is: always free to it; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[str] = set()

    def hold(self, name: str) -> bool:
        """Always True."""
        with self._lock:
            self._held.add(name)
        return True

    def holds(self, name: str) -> bool:
        """Whether the name was asked for."""
        with self._lock:
            return name in self._held

    def release(self, name: str) -> None:
        """Forget the name."""
        with self._lock:
            self._held.discard(name)
