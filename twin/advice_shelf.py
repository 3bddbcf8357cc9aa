"""Questions which measures reach a target on a bridge, and their answers."""

import json
from collections.abc import Callable, Mapping
from datetime import date

from twin.errors import RegistryError, ScenarioError
from twin.measure_shelf import MeasureShelf, version_on
from twin.model.advice import AdviceQuestion, advice_options, no_damage, refusal_of_damage
from twin.model.assets import Asset
from twin.model.bases import BaseFacts, StoredBase
from twin.model.bridge_snapshot import BridgeSnapshot, KeptBridge
from twin.model.questions import GAP_TO_COMPARE
from twin.model.scenarios import Run, Scenario
from twin.ports import Clock, Store

ADVICE_ENGINE, ADVICE_VERSION = "advice", "1"
ADVICE_PART = "advice"
"""File of a run that holds the advice as JSON."""


class AdviceShelf:
    """Advice asked for, and what was found.

    Parameters
    ----------
    store, clock
        As of the city.
    measures
        Takes the snapshot of the bridges.
    asset
        Asset of an id; RegistryError if there is none.
    """

    def __init__(
        self, store: Store, *, clock: Clock, measures: MeasureShelf, asset: Callable[[str], Asset]
    ) -> None:
        self._store = store
        self._clock = clock
        self._measures = measures
        self._asset = asset

    def base(self, name: str = "") -> StoredBase:
        """The base of a name, the newest one without a name.

        Raises
        ------
        RegistryError
            If there is none; names `twin estimate`.
        """
        bases = self._store.traffic.bases()
        found = [one for one in bases if name in ("", one.facts.name)]
        if not found:
            names = ", ".join(sorted({one.facts.name for one in bases}))
            known = (
                f"there is no base {name!r}; stored are: {names}" if names else "there is no base"
            )
            raise RegistryError(f"{known}; make one with `twin estimate`")
        return max(found, key=lambda one: (one.made_at, one.version))

    def ask(self, question: AdviceQuestion, *, relative_gap: float = GAP_TO_COMPARE) -> Run:
        """Queue a question, bound to base and bridges as they are recorded now.

        Raises
        ------
        RegistryError
            If bridge or base is missing.
        ScenarioError
            If nothing can be advised on the bridge, or not for this target; says what is possible.
        """
        asset = self._asset(question.asset_id)
        base = self.base(question.base)
        snapshot = self._measures.snapshot(base, asked_on=self._clock().date())
        why = no_damage(_kept(snapshot, asset, base))
        if question.target.damage_share is not None and why:
            raise ScenarioError(refusal_of_damage(asset.name, why))
        bridges = self._measures.keep(snapshot)
        return self._store.runs.submit(
            Scenario(f"advice for {asset.id}", base.facts.name),
            engine=ADVICE_ENGINE,
            version=advice_version_on(base.facts),
            seed=0,
            at=self._clock(),
            base=base.facts.content_hash,
            options=advice_options(question, relative_gap=relative_gap, bridges=bridges),
        )

    def bridges_of(self, base: StoredBase, *, asked_on: date) -> Mapping[str, str]:
        """Bridges on which measures can be advised, each with why its damage cannot be told."""
        snapshot = self._measures.snapshot(base, asked_on=asked_on)
        return {one.asset_id: no_damage(one) for one in snapshot.bridges}

    def document(self, run_id: int) -> Mapping[str, object] | None:
        """The answer of a run; None while there is none.

        Raises
        ------
        RegistryError
            If there is no such run.
        """
        run = self._store.runs.run(run_id)
        content = self._store.traffic.run_part(run.id, ADVICE_PART)
        return None if content is None else dict(json.loads(content))


def _kept(snapshot: BridgeSnapshot, asset: Asset, base: StoredBase) -> KeptBridge:
    """The bridge as it is recorded; a snapshot holds those that carry links of its base."""
    found = next((one for one in snapshot.bridges if one.asset_id == asset.id), None)
    if found is None:
        what = "carries no road" if asset.asset_class == "bridge" else "is no bridge"
        raise ScenarioError(
            f"{asset.name} ({asset.id}) {what} of the base {base.facts.name!r}, so no measure "
            "on it can be computed; name a bridge of its road network"
        )
    return found


def advice_version_on(facts: BaseFacts) -> str:
    """Version of the advice on the analysis and the traffic engine of a base.

    Examples
    --------
    >>> advice_version_on(BaseFacts("today", "ab12", "path_equilibrium", "1", {}))
    '1 on measures 5 on path_equilibrium 1'
    """
    return f"{ADVICE_VERSION} on measures {version_on(facts)}"
