"""Bases of the traffic model and files of runs in the store in memory."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

from twin.model.bases import BaseFacts, StoredBase, is_same
from twin.model.scenarios import Run
from twin.model.traffic_state import TrafficState
from twin.store.memory_runs import MemoryRuns
from twin.store.refusals import unknown_base
from twin.store.text import require_storable


class MemoryTraffic:
    """`twin.ports.TrafficShelf` in memory; may be used from any thread."""

    def __init__(self, runs: MemoryRuns) -> None:
        self._runs = runs
        self._lock = threading.Lock()
        self._bases: list[StoredBase] = []
        self._last = 0
        self._parts: dict[int, dict[str, bytes]] = {}
        self._states: dict[tuple[str, str], TrafficState] = {}
        self._snapshots: dict[str, tuple[datetime, bytes]] = {}

    def keep_base(
        self, facts: BaseFacts, parts: Mapping[str, bytes], *, at: datetime
    ) -> StoredBase:
        """Keep a base under the next version of its name; the same again stays as it is."""
        require_storable(facts, what="base")
        with self._lock:
            same = [base for base in self._bases if base.facts.name == facts.name]
            is_known = bool(same) and is_same(same[-1].facts, facts)
            if is_known and set(self._parts[same[-1].id]) == set(parts):
                return same[-1]
            version = same[-1].version + 1 if same else 1
            self._last += 1
            base = StoredBase(id=self._last, version=version, made_at=at, facts=facts)
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

    def waiting(self, *, most: int) -> int:
        """How many runs wait for a worker; counted up to ``most``."""
        return min(self._runs.waiting(), most)

    def keep_snapshot(self, sha256: str, content: bytes, *, at: datetime) -> None:
        """Keep the bridges of a question by their hash; the same again is the same."""
        with self._lock:
            self._snapshots.setdefault(sha256, (at, content))

    def snapshot(self, sha256: str) -> bytes | None:
        """Bridges kept under a hash, or None."""
        with self._lock:
            return self._snapshots.get(sha256, (None, None))[1]

    def keep_state(self, state: TrafficState) -> None:
        """Keep what was computed of the running traffic, in place of the one before."""
        require_storable(state, what="state of the traffic")
        with self._lock:
            self._states[state.kind, state.subject] = state

    def states(self, kind: str = "") -> Sequence[TrafficState]:
        """Newest states, of one kind or all, by kind and subject."""
        with self._lock:
            found = sorted(self._states.items())
        return tuple(state for (name, _), state in found if kind in ("", name))

    def expire(
        self, *, before: datetime, kept_bases: int, answers_before: datetime | None = None
    ) -> tuple[int, int]:
        """Delete old runs as the port says, and old bases without runs."""
        runs, asked = self._runs.expire(before, answers_before)
        options = self._runs.options()
        with self._lock:
            self._snapshots = {
                sha256: kept
                for sha256, kept in self._snapshots.items()
                if kept[0] >= before or any(sha256 in text for text in options)
            }
            kept: list[StoredBase] = []
            for base in self._bases:
                newer = [
                    other
                    for other in self._bases
                    if other.facts.name == base.facts.name and other.version > base.version
                ]
                is_old = len(newer) >= max(kept_bases, 1) and base.made_at < before
                if is_old and base.facts.content_hash not in asked:
                    del self._parts[base.id]
                else:
                    kept.append(base)
            gone = len(self._bases) - len(kept)
            self._bases = kept
        return runs, gone
