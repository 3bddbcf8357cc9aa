"""What people decide on measures: comments on runs, decisions, and the right to release."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from twin.errors import DecisionError, RegistryError, ReleaseError
from twin.model.decision_records import local_day, record_of
from twin.model.decisions import (
    FAILURES_WITHIN,
    MOST_FAILURES,
    PERMISSIONS,
    RELEASE,
    RELEASED,
    Decision,
    DecisionState,
    Order,
    ReleaseEvent,
    ReleaseGrant,
    RunComment,
    grant_of_key,
    hash_of_key,
    is_locked_out,
    problems_of_person,
    require_comment,
)
from twin.model.measure_orders import is_examined, orders_in
from twin.model.order_words import restriction_text
from twin.model.scenarios import Run
from twin.ports import Clock, Store

KEY_BYTES = 32
MOST_EVENTS = 1000
NOTED_FOR = timedelta(hours=1)


class DecisionShelf:
    """Decisions on measures with their steps; nothing here switches a signal or a barrier.

    Parameters
    ----------
    store, clock
        As of the city.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._book = store.decisions
        self._clock = clock

    # Comments

    def comments(self, run_id: int) -> Sequence[RunComment]:
        """Comments on a run, the oldest first; RegistryError if there is no such run."""
        self._store.runs.run(run_id)
        return self._book.comments(run_id)

    def comment(self, run_id: int, author: str, text: str) -> RunComment:
        """Append a comment to a run; it cannot be changed later.

        Raises
        ------
        RegistryError
            If there is no such run.
        DecisionError
            If author or text are missing or too long.
        """
        require_comment(author, text)
        return self._book.comment(
            run_id, author=author.strip(), text=text.strip(), at=self._clock()
        )

    # Decisions

    def decision(self, decision_id: int) -> Decision:
        """One decision; RegistryError if there is none."""
        return self._book.decision(decision_id)

    def decisions(self, *, run_id: int | None = None) -> Sequence[Decision]:
        """Decisions, all or those that rest on a run, the newest first."""
        found = self._book.decisions()
        return tuple(one for one in found if run_id in (None, one.order.run_id))

    def decide(self, order: Order, *, person: str, is_draft: bool = False) -> Decision:
        """Keep a new decision; unless it is a draft, it is among the restrictions of its bridge.

        Raises
        ------
        RegistryError
            If asset or run are unknown.
        DecisionError
            With everything that is wrong with the order.
        """
        self._require_sound(order)
        state: DecisionState = "draft" if is_draft else "decided"
        return self._book.begin(
            order, state=state, person=person.strip(), at=self._clock(), record_of=record_of
        )

    def revise(
        self, decision_id: int, order: Order, *, expected_version: int, person: str
    ) -> Decision:
        """Change a draft."""
        self._require_sound(order)
        return self._move(
            decision_id,
            "draft",
            expected_version=expected_version,
            person=person,
            reason=order.reason,
            order=order,
        )

    def confirm(
        self, decision_id: int, *, expected_version: int, person: str, reason: str
    ) -> Decision:
        """Decide a draft."""
        return self._move(
            decision_id,
            "decided",
            expected_version=expected_version,
            person=person,
            reason=reason,
        )

    def publish(
        self, decision_id: int, *, expected_version: int, key: str, reason: str, caller: str
    ) -> Decision:
        """Release a decision; needs a release key. `twin.publishing` checks the message first."""
        grant = self.require_key(key, caller=caller, purpose=f"publish decision {decision_id}")
        return self._move(
            decision_id,
            "published",
            expected_version=expected_version,
            person=grant.person,
            reason=reason,
        )

    def update(
        self,
        decision_id: int,
        order: Order,
        *,
        expected_version: int,
        key: str,
        reason: str,
        caller: str,
    ) -> Decision:
        """Change a published decision; needs a release key."""
        self._require_sound(order)
        grant = self.require_key(key, caller=caller, purpose=f"update decision {decision_id}")
        return self._move(
            decision_id,
            "updated",
            expected_version=expected_version,
            person=grant.person,
            reason=reason,
            order=order,
        )

    def withdraw(
        self,
        decision_id: int,
        *,
        expected_version: int,
        reason: str,
        caller: str,
        key: str = "",
        person: str = "",
    ) -> Decision:
        """End a decision; one that was published needs a release key, else the person's name."""
        if self.decision(decision_id).state in RELEASED:
            purpose = f"withdraw decision {decision_id}"
            person = self.require_key(key, caller=caller, purpose=purpose).person
        return self._move(
            decision_id,
            "withdrawn",
            expected_version=expected_version,
            person=person,
            reason=reason,
        )

    def _move(
        self,
        decision_id: int,
        state: DecisionState,
        *,
        expected_version: int,
        person: str,
        reason: str,
        order: Order | None = None,
    ) -> Decision:
        return self._book.move(
            decision_id,
            state,
            expected_version=expected_version,
            person=person.strip(),
            reason=reason.strip(),
            at=self._clock(),
            record_of=record_of,
            order=order,
        )

    def _require_sound(self, order: Order) -> None:
        """Refuse an order of the past, at an unknown place, or on a run that does not bear it.

        Raises
        ------
        RegistryError
            If asset or run are unknown.
        DecisionError
            With what is wrong.
        """
        today, until = local_day(self._clock()), order.restriction.valid_until
        if until is not None and until < today:
            raise DecisionError(f"valid_until: {until} has passed, today is {today}")
        if order.asset_id not in {asset.id for asset in self._store.assets()}:
            raise RegistryError(
                f"asset {order.asset_id!r} is unknown; take one of the city or of its inventory"
            )
        if order.run_id is None:
            return
        run = self._store.runs.run(order.run_id)
        if order.input_hash != run.input_hash:
            raise DecisionError(
                f"input_hash: run {run.id} has {run.input_hash[:12]!r}, "
                f"got {order.input_hash[:12]!r}"
            )
        if run.status != "done":
            raise DecisionError(
                f"run_id: run {run.id} is {run.status}; an order rests on a finished answer, "
                "or on none"
            )
        self._require_examined(order, run)

    def _require_examined(self, order: Order, run: Run) -> None:
        """DecisionError unless the run has examined this restriction at this place."""
        owners = {asset.id: asset.id for asset in self._store.assets()}
        owners |= {part.id: part.asset_id for part in self._store.components()}
        found = tuple(orders_in(run.scenario.interventions, owners))
        here = [limit for asset, limit in found if asset == order.asset_id]
        if any(is_examined(order.restriction, limit) for limit in here):
            return
        listed = "; ".join(f"{asset}: {restriction_text(limit, 'en')}" for asset, limit in found)
        raise DecisionError(
            f"run_id: run {run.id} has not examined {restriction_text(order.restriction, 'en')} "
            f"at {order.asset_id}, but {listed or 'no restriction'}; leave the run out, or ask "
            "for it first"
        )

    # The right to release

    def grant(self, person: str, *, permission: str = RELEASE) -> tuple[ReleaseGrant, str]:
        """Give a person a right; the key is in the answer and nowhere else.

        Raises
        ------
        DecisionError
            If there is no such permission, or the name of the person is none.
        """
        problems = list(problems_of_person(person))
        if permission not in PERMISSIONS:
            problems.append(f"permission: {permission!r} is none; use {', '.join(PERMISSIONS)}")
        if problems:
            raise DecisionError(*problems)
        key = secrets.token_urlsafe(KEY_BYTES)
        grant = self._book.grant(
            person.strip(), permission=permission, key_hash=hash_of_key(key), at=self._clock()
        )
        return grant, key

    def revoke(self, grant_id: int) -> ReleaseGrant:
        """End a right to release; RegistryError if there is none of this number."""
        return self._book.revoke(grant_id, at=self._clock())

    def grants(self) -> Sequence[ReleaseGrant]:
        """All rights to release, ended ones too, by number."""
        return self._book.grants()

    def release_events(self, *, since: datetime) -> Sequence[ReleaseEvent]:
        """What happened with release keys since a time, the newest first."""
        return self._book.release_events(since=since, limit=MOST_EVENTS)

    def require_key(
        self, key: str, *, caller: str, purpose: str, permission: str = RELEASE
    ) -> ReleaseGrant:
        """Grant of a key; every refusal is noted, and every use.

        Readings come one by one: their use is noted once an hour for a caller and a grant.

        Parameters
        ----------
        caller
            Who asks, as far as it is known: an address, or the command line.

        Raises
        ------
        ReleaseError
            If the key is wrong or ended, carries another permission, or this caller used too many
            wrong ones lately.
        """
        now = self._clock()
        refused = self._book.release_events(
            kind="refused", caller=caller, since=now - FAILURES_WITHIN, limit=MOST_FAILURES
        )
        if is_locked_out([event.at for event in refused], now):
            minutes = int(FAILURES_WITHIN.total_seconds() // 60)
            raise ReleaseError(
                f"{MOST_FAILURES} wrong keys within {minutes} minutes; wait as long and try again",
                is_locked_out=True,
            )
        grant = grant_of_key(self._book.grants(), key)
        if grant is None or grant.permission != permission:
            self._book.note_release(ReleaseEvent(now, "refused", caller, purpose))
            option = "" if permission == RELEASE else f" --permission {permission}"
            raise ReleaseError(
                f"the key for {permission} is missing, wrong or revoked; whoever runs the twin "
                f"gives one with `twin measures grant NAME{option}`"
            )
        use = ReleaseEvent(now, "used", caller, f"{purpose}: grant {grant.id}")
        if permission == RELEASE or not self._is_noted(use):
            self._book.note_release(use)
        return grant

    def _is_noted(self, use: ReleaseEvent) -> bool:
        """Whether the same use by the same caller was noted within the hour."""
        known = self._book.release_events(
            kind="used", caller=use.caller, since=use.at - NOTED_FOR, limit=MOST_EVENTS
        )
        return any(one.detail == use.detail for one in known)
