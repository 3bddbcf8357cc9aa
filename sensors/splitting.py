"""Finding the one row that the database refuses: batches cut in half. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from twin.model.messages import Rejection
from twin.model.observations import Batch, Readings, no_readings


def is_single(batch: Batch) -> bool:
    """Whether a batch holds one item at most."""
    return _size(batch) <= 1


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two batches with half of the items each; the counts go with the first."""
    middle = _size(batch) // 2
    return (
        _part(batch, 0, middle),
        replace(_part(batch, middle, _size(batch)), tallies={}),
    )


def poisoned(batch: Batch, error: str, *, sources: Mapping[int, str]) -> Batch:
    """The same single item as a rejection: what the database refuses goes to the quarantine.

    Parameters
    ----------
    error
        What the store said.
    sources
        Source by datastream number.
    """
    if len(batch.readings):
        number = int(batch.readings.number[0])
        time_us: int | None = int(batch.readings.time_us[0])
        value: float | None = float(batch.readings.value[0])
    else:
        number, time_us, value = batch.waveforms[0].number, batch.waveforms[0].t0_us, None
    rejection = Rejection(
        reason="db_rejected",
        detail=f"the database refused this row: {error[:300]}",
        source=sources.get(number, ""),
        datastream_number=number,
        time_us=time_us,
        value=value,
    )
    return replace(batch, readings=no_readings(), waveforms=(), rejections=(rejection,))


def _size(batch: Batch) -> int:
    return len(batch.readings) + len(batch.waveforms) + len(batch.rejections)


def _part(batch: Batch, begin: int, end: int) -> Batch:
    """Items from ``begin`` to ``end``, counted over readings, waveforms and rejections."""
    readings = batch.readings
    first, second = len(readings), len(readings) + len(batch.waveforms)
    rows = slice(min(begin, first), min(end, first))
    return replace(
        batch,
        readings=Readings(
            number=readings.number[rows],
            time_us=readings.time_us[rows],
            value=readings.value[rows],
            quality=readings.quality[rows],
        ),
        waveforms=batch.waveforms[max(begin - first, 0) : max(end - first, 0)],
        rejections=batch.rejections[max(begin - second, 0) : max(end - second, 0)],
    )
