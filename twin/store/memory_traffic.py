"""Bases of the traffic model and files of runs in the store in memory."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

from twin.model.bases import BaseFacts, StoredBase
from twin.model.scenarios import Run
from twin.store.memory_runs import MemoryRuns
from twin.store.refusals import unknown_base
from twin.store.text import require_storable


class MemoryTraffic:
    """`twin.ports.TrafficShelf` in memory; may be used from any thread."""

    def __init__(self, runs: MemoryRuns) -> None:
        self._runs = runs
        self._lock = threading.Lock()
        self._bases: list[StoredBase] = []
        self._parts: dict[int, dict[str, bytes]] = {}

    def keep_base(
        self, facts: BaseFacts, parts: Mapping[str, bytes], *, at: datetime
    ) -> StoredBase:
        """Keep a base under the next version of its name; the same content again is the same."""
        require_storable(facts, what="base")
        with self._lock:
            same = [base for base in self._bases if base.facts.name == facts.name]
            if same and same[-1].facts.content_hash == facts.content_hash:
                return same[-1]
            version = len(same) + 1
            base = StoredBase(id=len(self._bases) + 1, version=version, made_at=at, facts=facts)
            self._bases.append(base)
            self._parts[base.id] = dict(parts)
            return base

    def bases(self) -> Sequence[StoredBase]:
        """Newest version of every base, by name."""
        with self._lock:
            newest = {base.facts.name: base for base in self._bases}
        return tuple(newest[name] for name in sorted(newest))

    def base(self, content_hash: str) -> StoredBase:
        """Base with this content; RegistryError if there is none."""
        with self._lock:
            for base in reversed(self._bases):
                if base.facts.content_hash == content_hash:
                    return base
        raise unknown_base(content_hash)

    def base_part(self, base_id: int, part: str) -> bytes | None:
        """File of a base, or None if it has none of this name."""
        with self._lock:
            return self._parts.get(base_id, {}).get(part)

    def run_part(self, run_id: int, part: str) -> bytes | None:
        """File of a run, or None if it has none of this name."""
        return self._runs.parts(run_id).get(part)

    def run_parts(self, run_id: int) -> Mapping[str, int]:
        """Names and sizes [bytes] of the files of a run."""
        found = self._runs.parts(run_id)
        return {name: len(found[name]) for name in sorted(found)}

    def runs(self, *, limit: int, below: int | None = None) -> Sequence[Run]:
        """Runs, the newest first, or below an id by falling id."""
        return self._runs.runs(limit=limit, below=below)
