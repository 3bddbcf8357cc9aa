"""Analyses that judge each stream of a bridge for itself; one that waits stops no other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulations.bridges.derived import all_of
from simulations.bridges.rounds import Found
from twin.errors import InsufficientData, ModelError, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import Finding, MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, TrainedModel
from twin.model.observations import Readings, no_readings
from twin.model.refusals import of_channel, reasons_of


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one stream; ``refusal`` says why it cannot be judged, if so.

    A model that was trained is kept also where the stream cannot be judged yet.
    """

    readings: Readings = field(default_factory=no_readings)
    models: tuple[TrainedModel, ...] = ()
    findings: tuple[Finding, ...] = ()
    refusal: ModelError | None = None


def streamwise(
    name: str, streams: Sequence[Datastream], see: Callable[[Datastream], Seen]
) -> Found:
    """Look at every stream, and tell how many are judged and why the others are not.

    Parameters
    ----------
    name
        Of the analysis.
    streams
        In the order in which they are looked at.
    see
        Looks at one; what it cannot judge it raises or returns as `Seen.refusal`.
    """
    parts = [_seen(stream, see) for stream in streams]
    outcome = AnalysisOutcome(
        readings=all_of(part.readings for part in parts),
        models=tuple(model for part in parts for model in part.models),
        findings=tuple(finding for part in parts for finding in part.findings),
    )
    refused = _refused(streams, parts)
    if not refused:
        return Found(outcome)
    judged = sum(part.refusal is None for part in parts)
    if judged:
        counts = {"judged": float(judged), "of": float(len(parts))}
        return Found(outcome, reason=Phrase("state.partly", counts, refused))
    learns = all(isinstance(part.refusal, InsufficientData) for part in parts)
    state = MonitoringState.LEARNING if learns else MonitoringState.NOT_ARMED
    key = "state.learning" if learns else "state.not_armed"
    return Found(outcome, state, Phrase(key, {"analysis": name}, refused))


def _refused(streams: Sequence[Datastream], parts: Sequence[Seen]) -> tuple[Phrase, ...]:
    """Why streams are not judged; those that wait for the same are named together."""
    alike: dict[str, tuple[list[str], ModelError]] = {}
    for stream, part in zip(streams, parts, strict=True):
        if part.refusal is not None:
            uids, _ = alike.setdefault(repr(reasons_of(part.refusal)), ([], part.refusal))
            uids.append(stream.uid)
    return tuple(of_channel(", ".join(uids), refusal) for uids, refusal in alike.values())


def _seen(stream: Datastream, see: Callable[[Datastream], Seen]) -> Seen:
    try:
        return see(stream)
    except (InsufficientData, NotAvailable) as error:
        return Seen(refusal=error)
