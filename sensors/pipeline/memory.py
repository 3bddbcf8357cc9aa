"""What codecs know beside the message: metadata tables and states. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from twin.model.messages import CodecContext, Event, Message, Proposal
from twin.model.times import from_us
from twin.ports import Codec

State = Mapping[str, object]
StateKey = tuple[str, str]
NOTHING: State = MappingProxyType({})
LONGEST_KEY = 512
MOST_PROPOSALS = 1000
WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class CodecMemory:
    """Metadata tables by source, and the states that the last recorded batch has left.

    Parameters
    ----------
    tables
        By source, then by name, as plain JSON data.
    states
        By source and the key that the codec declares.
    most_states
        Bound; a codec of a further key gets an empty state each time.
    """

    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    states: dict[StateKey, State] = field(default_factory=dict)
    most_states: int = 10_000

    def dead(self) -> Mapping[str, str]:
        """What deserves the alarm ``device_dead``: nodes and devices whose death was announced."""
        found: dict[str, str] = {}
        for (source, node), state in self.states.items():
            listed = state.get("dead")
            for device, at_ms in listed.items() if isinstance(listed, Mapping) else ():
                since = f" since {from_us(at_ms * 1000):%Y-%m-%d %H:%M} UTC" if at_ms else ""
                found["/".join(filter(None, (source, node, device)))] = (
                    f"the source says that it is gone{since}: its values are stale until its birth"
                )
        return found

    def adopt(self, news: Mapping[StateKey, State]) -> Mapping[StateKey, State]:
        """Take over the states of a batch that is recorded; those that there was room for."""
        taken: dict[StateKey, State] = {}
        for key, state in news.items():
            if key in self.states or len(self.states) < self.most_states:
                self.states[key] = taken[key] = state
        return taken


@dataclass(slots=True)
class Recalled:
    """States while a run of messages is prepared: nothing counts before it is recorded."""

    memory: CodecMemory
    news: dict[StateKey, State] = field(default_factory=dict)
    proposals: dict[StateKey, Proposal] = field(default_factory=dict)
    withdrawn: list[StateKey] = field(default_factory=list)

    def propose(self, source: str, proposal: Proposal) -> None:
        """Take a proposal; of too many in one run the first ones."""
        key = (source, proposal.key[:LONGEST_KEY])
        if key in self.proposals or len(self.proposals) < MOST_PROPOSALS:
            self.proposals[key] = proposal

    def take_event(self, source: str, event: Event) -> None:
        """Take note of proposals that their source takes back."""
        if event.kind == WITHDRAWN and len(self.withdrawn) < MOST_PROPOSALS:
            self.proposals = {
                key: one
                for key, one in self.proposals.items()
                if one.details.get("discovery_topic") != event.key
            }
            self.withdrawn.append((source, event.key))

    def context(
        self, codec: Codec, message: Message, context: CodecContext
    ) -> tuple[CodecContext, StateKey | None]:
        """The context with tables and state, and where the next state goes (None: nowhere)."""
        rule = context.rule
        tables = self.memory.tables.get(rule.source, NOTHING)
        declared: Any = getattr(codec, "state_key", None)
        name = declared(message, context) if declared is not None else None
        if not isinstance(name, str) or not name or len(name) > LONGEST_KEY:
            if not tables:
                return context, None
            return CodecContext(rule, context.names, context.limits, tables), None
        key = (rule.source, name)
        state = self.news.get(key, self.memory.states.get(key, NOTHING))
        return CodecContext(rule, context.names, context.limits, tables, state), key

    def note(self, key: StateKey | None, state: State | None) -> None:
        """Keep the state that a message left, for the next one of this run."""
        if key is not None and state is not None:
            self.news[key] = state
