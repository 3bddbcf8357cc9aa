"""Questions what measures do to bridges and to traffic, and their answers."""

import json
from collections.abc import Callable, Mapping
from datetime import date

from twin.errors import ScenarioError
from twin.model.assets import Asset, Attribute
from twin.model.bases import BaseFacts, StoredBase
from twin.model.bridge import PartStructure, Restriction, in_force
from twin.model.bridge_snapshot import (
    BridgeSnapshot,
    KeptAttribute,
    KeptBridge,
    KeptPart,
    KeptRestriction,
)
from twin.model.packing import pack, unpack
from twin.model.questions import GAP_TO_COMPARE, measure_options
from twin.model.records import RecordKind, StoredRecord
from twin.model.scenarios import Run, Scenario
from twin.model.structure_state import NAME as STRUCTURE
from twin.model.structure_state import StructureState, parts_of
from twin.model.targets import TARGETS_PART, TargetNames
from twin.ports import Clock, Store

ENGINE, VERSION = "measures", "5"
DOCUMENT_PART = "measures"
"""File of a run that holds the answer as JSON."""
FEWEST_MEMBERS, MOST_MEMBERS = 5, 500
"""Bands are the quantiles of 5 and 95 %: fewer members say nothing."""
LARGEST_SEED = 2**31 - 1
READ = ("total_length_m", "target_load_level", "max_mass_t")
"""Attributes of a bridge that the joint analysis reads, and those that begin as follows."""
READ_PREFIXES = ("fatigue_detail_", "fatigue_section_")


class MeasureShelf:
    """Measures asked for, and what was found.

    Parameters
    ----------
    store, clock
        As of the city.
    check
        Gives the base of a scenario that names only what there is; raises as
        `twin.city.Twin.check_scenario` does.
    """

    def __init__(
        self, store: Store, *, clock: Clock, check: Callable[[Scenario], StoredBase]
    ) -> None:
        self._store = store
        self._clock = clock
        self._check = check

    def check(self, scenario: Scenario) -> StoredBase:
        """The base of a scenario; one that concerns bridges only is a question, too.

        Raises
        ------
        RegistryError
            If the base is missing; names `twin estimate`.
        ScenarioError
            If it surely changes nothing, or with all that the base does not know.
        """
        return self._check(scenario)

    def ask(
        self,
        scenario: Scenario,
        *,
        members: int = 0,
        seed: int = 0,
        relative_gap: float = GAP_TO_COMPARE,
    ) -> Run:
        """Queue the question what measures do, bound to base and bridges as they are recorded now.

        Parameters
        ----------
        scenario
        members
            Members of the ensemble that bands come from; 0 for the plain answer.
        seed
            Of the ensemble.
        relative_gap
            To solve to.

        Raises
        ------
        RegistryError, ScenarioError
            As `check`, or if members, seed or gap are none that may be asked for.
        """
        require_ensemble(members, seed)
        base = self.check(scenario)
        bridges = self.keep(self.snapshot(base, asked_on=self._clock().date()))
        return self._store.runs.submit(
            scenario,
            engine=ENGINE,
            version=version_on(base.facts),
            seed=seed if members else 0,
            at=self._clock(),
            base=base.facts.content_hash,
            options=measure_options(
                relative_gap=relative_gap, members=members, seed=seed, bridges=bridges
            ),
        )

    def document(self, run_id: int) -> Mapping[str, object] | None:
        """The answer of a run; None while there is none.

        Raises
        ------
        RegistryError
            If there is no such run.
        """
        run = self._store.runs.run(run_id)
        content = self._store.traffic.run_part(run.id, DOCUMENT_PART)
        return None if content is None else dict(json.loads(content))

    def keep(self, snapshot: BridgeSnapshot) -> str:
        """Keep the bridges that a question is asked of; their hash."""
        sha256 = snapshot.sha256()
        self._store.traffic.keep_snapshot(sha256, pack(snapshot), at=self._clock())
        return sha256

    def asked_of(self, run: Run, base: StoredBase) -> BridgeSnapshot | None:
        """The bridges that a run was asked of; None if they are not to be had any more.

        Raises
        ------
        ModelError
            If they were kept by another version of the programme.
        """
        wanted = json.loads(run.options)["bridges"]
        content = self._store.traffic.snapshot(wanted)
        found = (
            self.snapshot(base, asked_on=run.submitted_at.date())
            if content is None
            else unpack(content, BridgeSnapshot)
        )
        return found if found.sha256() == wanted else None

    def snapshot(self, base: StoredBase, *, asked_on: date) -> BridgeSnapshot:
        """All that a run reads of the bridges of a base, as recorded now.

        Parameters
        ----------
        base
        asked_on
            Day of the question; restrictions of that day count where the base has no day.

        Raises
        ------
        ModelError
            If a structural model was stored by another version; names it.
        """
        day = base.facts.roads_on
        known = self._assets_on_links(base)
        states = {
            record.asset_id: parts_of(record) for record in self._store.bridges.states(STRUCTURE)
        }
        parts = self._records("part_structure")
        restrictions = self._records("restriction")
        return BridgeSnapshot(
            day=day or asked_on,
            is_day_of_base=day is not None,
            bridges=tuple(
                KeptBridge(
                    asset_id=asset.id,
                    name=asset.name,
                    attributes=_attributes(asset),
                    parts=_parts(parts.get(asset.id, ()), states.get(asset.id, ())),
                    restrictions=_restrictions(restrictions.get(asset.id, ()), day=day or asked_on),
                )
                for asset in self._store.assets("bridge")
                if known is None or asset.id in known
            ),
        )

    def _assets_on_links(self, base: StoredBase) -> frozenset[str] | None:
        content = self._store.traffic.base_part(base.id, TARGETS_PART)
        return None if content is None else frozenset(unpack(content, TargetNames).assets)

    def _records(self, kind: RecordKind) -> Mapping[str, list[StoredRecord]]:
        found: dict[str, list[StoredRecord]] = {}
        for item in self._store.bridges.book.records(kind=kind):
            found.setdefault(item.record.asset_id, []).append(item)
        return found


def version_on(facts: BaseFacts) -> str:
    """Version of the analysis on the traffic engine that solved a base.

    Examples
    --------
    >>> version_on(BaseFacts("today", "ab12", "path_equilibrium", "1", {}))
    '5 on path_equilibrium 1'
    """
    return f"{VERSION} on {facts.engine} {facts.engine_version}"


def require_ensemble(members: int, seed: int) -> None:
    """Refuse a size or a seed that no run can have.

    Raises
    ------
    ScenarioError
        With both numbers that are possible.

    Examples
    --------
    >>> require_ensemble(50, 0)
    """
    if members and not FEWEST_MEMBERS <= members <= MOST_MEMBERS:
        raise ScenarioError(
            f"members must be 0 or {FEWEST_MEMBERS} to {MOST_MEMBERS}, got {members}"
        )
    if not 0 <= seed <= LARGEST_SEED:
        raise ScenarioError(f"seed must be 0 to {LARGEST_SEED}, got {seed}")


def _attributes(asset: Asset) -> tuple[KeptAttribute, ...]:
    return tuple(
        _attribute(item)
        for item in sorted(asset.attributes, key=lambda one: one.name)
        if item.name in READ or item.name.startswith(READ_PREFIXES)
    )


def _attribute(item: Attribute) -> KeptAttribute:
    value = f"{item.value:.12g}" if isinstance(item.value, float) else str(item.value)
    return KeptAttribute(
        item.name, value, item.unit, item.provenance.kind, item.provenance.references
    )


def _parts(
    records: "list[StoredRecord] | tuple[()]", states: tuple[StructureState, ...]
) -> tuple[KeptPart, ...]:
    """Parts with a model or a reason; parts of the inventory that nobody has looked at yet."""
    content = {
        item.record.part: item.record.content
        for item in records
        if isinstance(item.record.content, PartStructure)
    }
    models = {state.part: state for state in states}
    return tuple(
        _part(name, content.get(name), models.get(name))
        for name in dict.fromkeys((*models, *content))
    )


def _part(number: str, record: PartStructure | None, state: StructureState | None) -> KeptPart:
    name, links = ("", ()) if record is None else (record.name, record.links)
    if state is None:
        return KeptPart(number, name, links)
    return KeptPart(
        part=number,
        name=name,
        links=links,
        level=state.level,
        refusal=state.refusal,
        target=state.target,
        lines=state.lines,
        effects=state.effects,
        assumptions=state.assumptions,
    )


def _restrictions(
    records: "list[StoredRecord] | tuple[()]", *, day: date
) -> tuple[KeptRestriction, ...]:
    found: list[KeptRestriction] = []
    for item in records:
        content = item.record.content
        if isinstance(content, Restriction) and in_force(content, day):
            found.append(
                KeptRestriction(
                    part=item.record.part,
                    kind=content.kind,
                    value=content.value,
                    unit=content.unit,
                    links=content.links,
                    vehicle_group=content.vehicle_group,
                    remark=content.remark,
                    origin=item.record.provenance.kind,
                    references=item.record.provenance.references,
                )
            )
    return tuple(found)
