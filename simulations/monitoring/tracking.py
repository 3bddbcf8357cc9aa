"""Which mode of a new block is which of those known: identities over days and years. Pure.

A mode that a block does not show stays missing; nothing is interpolated. The state goes on after a
restart with the same bits, see `state_record`.

References
----------
.. [1] "The Hungarian method for the assignment problem", Naval Research Logistics
   Quarterly 2 (1955) 83-97.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from simulations.monitoring.modes import Complexes, Floats, Mode, mac, unit_shapes
from twin.errors import ModelError
from twin.model.monitoring import StateRecord

FORMAT_VERSION = 1
IMPOSSIBLE = 1e6


@dataclass(frozen=True, slots=True)
class Gates:
    """Limits of the assignment, and how identities come into being.

    Parameters
    ----------
    frequency
        Largest relative distance of a mode to its reference.
    least_mac
        Least likeness of its shape to the reference's.
    learning
        Share of each new value in the reference: 0.02 forgets in about 50 blocks.
    sightings
        A new mode gets an identity after it was seen in this many blocks ...
    patience
        ... and in at least this share of the blocks since it was first seen.
    """

    frequency: float = 0.08
    least_mac: float = 0.8
    learning: float = 0.02
    sightings: int = 5
    patience: float = 0.5


USUAL = Gates()


@dataclass(frozen=True, slots=True)
class Reference:
    """What a mode is expected to look like.

    ``identity`` is 0 for a candidate that has none yet. ``seen`` of ``blocks`` blocks since its
    first sighting showed it; ``last_us`` is the time of the last of them.
    """

    identity: int
    frequency_hz: float
    shape: Complexes
    seen: int
    blocks: int
    last_us: int


@dataclass(frozen=True, slots=True)
class TrackingState:
    """Identities and candidates of one set of channels.

    Parameters
    ----------
    channels
        Names of the channels; shapes have their order, and other channels need another state.
    references
        Modes with an identity, then candidates.
    next_identity
        Identities are numbers that are never used again.
    position_us
        Time of the last block [us since 1970-01-01 UTC].
    """

    channels: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    next_identity: int = 1
    position_us: int = -(2**62)


@dataclass(frozen=True, slots=True)
class TrackedMode:
    """An identity in one block; ``mode`` is None where the block does not show it.

    ``mac`` is the likeness to the reference and ``distance`` the relative distance of the
    frequency to what was expected; NaN where it is missing.
    """

    identity: int
    expected_hz: float
    mode: Mode | None
    mac: float
    distance: float


def follow(
    state: TrackingState,
    modes: Sequence[Mode],
    *,
    at_us: int,
    expected_hz: Mapping[int, float] | None = None,
    gates: Gates = USUAL,
) -> tuple[TrackingState, tuple[TrackedMode, ...]]:
    """The state after one more block, and every identity in it, found or missing.

    Modes are assigned one to one with the least sum of ``|df|/f + (1 - MAC)`` [1]_; a pair outside
    the gates is no pair. Identities take before candidates do.

    Parameters
    ----------
    modes
        Of a block that was analysed; an empty sequence says that it shows none.
    at_us
        Time of the block [us since 1970-01-01 UTC], after all before it.
    expected_hz
        Frequencies that a trained model expects at the present temperature, by identity; others
        are expected at their reference.

    Raises
    ------
    ModelError
        If the block is not later than those before it, or its channels are not those of the state.

    Examples
    --------
    >>> seen = Mode(3.0, 0.01, 0.01, 0.001, np.array([1.0, 0.5 + 0j]), 1.0, 0.9, 0.0, 0.0)
    >>> state = TrackingState(("midspan", "quarter"))
    >>> for block in range(5):
    ...     state, found = follow(state, [seen], at_us=block)
    >>> [one.identity for one in found]
    [1]
    >>> state, found = follow(state, [], at_us=5)
    >>> [(one.identity, one.mode) for one in found]
    [(1, None)]
    """
    _check(state, modes, at_us)
    known = [one for one in state.references if one.identity]
    candidates = [one for one in state.references if not one.identity]
    expected = [(expected_hz or {}).get(one.identity, one.frequency_hz) for one in known]
    pairs = _assign(known, np.array(expected), modes, gates)
    tracked = [
        _tracked(one, hertz, modes, pairs.get(row))
        for row, (one, hertz) in enumerate(zip(known, expected, strict=True))
    ]
    rest = [mode for row, mode in enumerate(modes) if row not in pairs.values()]
    known = [
        _next(one, None if (at := pairs.get(row)) is None else modes[at], at_us, gates)
        for row, one in enumerate(known)
    ]
    candidates = _follow_candidates(candidates, rest, at_us, gates)
    state = replace(state, references=(*known, *candidates), position_us=at_us)
    state, born = _promote(state, rest, gates)
    return state, (*tracked, *born)


def _check(state: TrackingState, modes: Sequence[Mode], at_us: int) -> None:
    if at_us <= state.position_us:
        raise ModelError(
            f"the block at {at_us} us is not later than the last one at {state.position_us} us; "
            "give blocks in their order, each once"
        )
    for mode in modes:
        if mode.shape.shape != (len(state.channels),):
            raise ModelError(
                f"a mode of {mode.shape.size} channels does not fit the tracking of "
                f"{', '.join(state.channels)}; begin a new state for other channels"
            )


def _assign(
    references: Sequence[Reference], expected_hz: Floats, modes: Sequence[Mode], gates: Gates
) -> dict[int, int]:
    """Row of a mode for the row of each reference that has one."""
    if not references or not modes:
        return {}
    frequency = np.array([mode.frequency_hz for mode in modes])
    distance = np.abs(frequency[None, :] / expected_hz[:, None] - 1.0)
    likeness = mac(
        np.array([one.shape for one in references]), np.array([mode.shape for mode in modes])
    )
    fits = (distance <= gates.frequency) & (likeness >= gates.least_mac)
    cost = np.where(fits, distance + 1.0 - likeness, IMPOSSIBLE)
    pairs = zip(*linear_sum_assignment(cost), strict=True)
    return {int(row): int(column) for row, column in pairs if fits[row, column]}


def _tracked(
    reference: Reference, expected_hz: float, modes: Sequence[Mode], row: int | None
) -> TrackedMode:
    if row is None:
        return TrackedMode(reference.identity, expected_hz, None, float("nan"), float("nan"))
    mode = modes[row]
    likeness = float(mac(reference.shape[None], mode.shape[None])[0, 0])
    distance = mode.frequency_hz / expected_hz - 1.0
    return TrackedMode(reference.identity, expected_hz, mode, likeness, distance)


def _next(reference: Reference, mode: Mode | None, at_us: int, gates: Gates) -> Reference:
    """The reference after one more block; it moves by its share towards what was seen."""
    if mode is None:
        return replace(reference, blocks=reference.blocks + 1)
    share = max(gates.learning, 1.0 / (reference.seen + 1))
    turned = mode.shape * np.exp(-1j * np.angle(np.vdot(reference.shape, mode.shape)))
    shape = (1.0 - share) * reference.shape + share * turned
    return replace(
        reference,
        frequency_hz=reference.frequency_hz + share * (mode.frequency_hz - reference.frequency_hz),
        shape=unit_shapes(shape[None])[0],
        seen=reference.seen + 1,
        blocks=reference.blocks + 1,
        last_us=at_us,
    )


def _follow_candidates(
    candidates: Sequence[Reference], modes: Sequence[Mode], at_us: int, gates: Gates
) -> list[Reference]:
    """Candidates that are still seen often enough, and new ones from modes that fit none."""
    pairs = _assign(candidates, np.array([one.frequency_hz for one in candidates]), modes, gates)
    old = [
        _next(one, None if (at := pairs.get(row)) is None else modes[at], at_us, gates)
        for row, one in enumerate(candidates)
    ]
    kept = [one for one in old if one.seen >= gates.patience * one.blocks]
    new = [
        Reference(0, mode.frequency_hz, mode.shape, 1, 1, at_us)
        for row, mode in enumerate(modes)
        if row not in pairs.values()
    ]
    return sorted((*kept, *new), key=lambda one: one.frequency_hz)


def _promote(
    state: TrackingState, modes: Sequence[Mode], gates: Gates
) -> tuple[TrackingState, list[TrackedMode]]:
    """Candidates that were seen often enough get an identity."""
    number = state.next_identity
    known, candidates, born = [], [], []
    for one in state.references:
        if one.identity:
            known.append(one)
        elif one.seen < gates.sightings:
            candidates.append(one)
        else:
            named = replace(one, identity=number)
            row = _assign([named], np.array([named.frequency_hz]), modes, gates).get(0)
            born.append(_tracked(named, named.frequency_hz, modes, row))
            known.append(named)
            number += 1
    references = (*sorted(known, key=lambda one: one.identity), *candidates)
    return replace(state, references=references, next_identity=number), born


def state_record(state: TrackingState, *, asset_id: str, name: str = "modes") -> StateRecord:
    """The state as bytes that `state_of` reads back, with its time.

    Examples
    --------
    >>> state, _ = follow(TrackingState(("midspan",)), [], at_us=7)
    >>> state_of(state_record(state, asset_id="B08")) == state
    True
    """
    content = {
        "channels": state.channels,
        "next_identity": state.next_identity,
        "references": [
            {
                **{key: value for key, value in asdict(one).items() if key != "shape"},
                "real": one.shape.real.tolist(),
                "imaginary": one.shape.imag.tolist(),
            }
            for one in state.references
        ],
    }
    text = json.dumps(content, allow_nan=False, sort_keys=True)
    return StateRecord(name, asset_id, FORMAT_VERSION, state.position_us, text.encode("ascii"))


def state_of(record: StateRecord) -> TrackingState:
    """The state that `state_record` wrote.

    Raises
    ------
    ModelError
        If its format is unknown or its content is damaged.
    """
    if record.format_version != FORMAT_VERSION:
        raise ModelError(
            f"state {record.name} of {record.asset_id} has the format {record.format_version}, "
            f"this programme reads {FORMAT_VERSION}; begin a new state"
        )
    try:
        content = json.loads(record.content)
        references = tuple(_reference(row) for row in content["references"])
        return TrackingState(
            channels=tuple(content["channels"]),
            references=references,
            next_identity=content["next_identity"],
            position_us=record.position_us,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"state {record.name} of {record.asset_id} cannot be read ({error}); begin a new one"
        ) from error


def _reference(row: dict) -> Reference:
    shape = np.array(row["real"]) + 1j * np.array(row["imaginary"])
    return Reference(
        identity=row["identity"],
        frequency_hz=row["frequency_hz"],
        shape=shape,
        seen=row["seen"],
        blocks=row["blocks"],
        last_us=row["last_us"],
    )
