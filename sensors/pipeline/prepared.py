"""What a run of messages yields: the content of a batch and what is known beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.codecs.columns import NO_SEQUENCE
from sensors.pipeline.memory import State, StateKey
from sensors.pipeline.numbering import are_plausible
from sensors.routing import StreamColumns
from sensors.rules.gaps import Arrived
from sensors.rules.quality import Rows
from twin.model.messages import Proposal, Rejection
from twin.model.observations import Arrivals, Readings, Tally, Waveform
from twin.model.quality import Quality

NOT_LIVE = int(Quality.SIMULATED | Quality.BACK_FILLED | Quality.TIME_SUBSTITUTED)


@dataclass(frozen=True, slots=True)
class Counted:
    """Datastream, sequence number and phenomenon time of the rows that carry a number."""

    number: NDArray[np.int32]
    sequence: NDArray[np.int64]
    time_us: NDArray[np.int64]


class Delays(NamedTuple):
    """Arrival and phenomenon time of readings of one source [us since 1970-01-01 UTC]."""

    received_us: NDArray[np.int64]
    time_us: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run of messages yields.

    Parameters
    ----------
    messages
        How many messages were used, from the first on.
    readings, arrivals, waveforms, rejections, tallies
        Content of the batch.
    unknown_streams
        Values whose datastream is not registered.
    events
        Events by kind.
    arrived
        Sequence numbers of messages that were decoded alone, of missing and refused values, too.
    states, proposals, withdrawn
        What codecs know after these messages, streams that a person may accept (both by source and
        key), and source and topic of proposals that were taken back; counts once recorded.
    by_source
        Messages used, by source.
    rows, stream, columns
        All rows as they came, the datastream of each, and the registered datastreams.
    """

    messages: int
    readings: Readings
    arrivals: Arrivals
    waveforms: tuple[Waveform, ...]
    rejections: tuple[Rejection, ...]
    tallies: Mapping[str, Tally]
    unknown_streams: int
    events: Mapping[str, int]
    arrived: tuple[Arrived, ...]
    states: Mapping[StateKey, State]
    proposals: Mapping[StateKey, Proposal]
    withdrawn: tuple[StateKey, ...]
    by_source: Mapping[str, int]
    rows: Rows
    stream: NDArray[np.intp]
    columns: StreamColumns

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to record, not even a count."""
        return not (
            len(self.readings)
            or len(self.arrivals)
            or self.waveforms
            or self.rejections
            or self.tallies
        )

    def counted(self) -> Counted:
        """Sequence numbers of all rows, refused ones, too.

        A row counts at its arrival if its datastream does, or its clock cannot be right.
        """
        rows = self.rows
        is_counted = rows.sequence != NO_SEQUENCE
        is_at_arrival = self.columns.is_timed_at_arrival[self.stream[is_counted]]
        received_us, time_us = rows.received_us[is_counted], rows.time_us[is_counted]
        return Counted(
            number=rows.number[is_counted],
            sequence=rows.sequence[is_counted],
            time_us=np.where(
                is_at_arrival | ~are_plausible(time_us, received_us), received_us, time_us
            ),
        )

    def delays(self) -> Mapping[str, Delays]:
        """Times of the readings that carry one, by source, for the watch over clocks."""
        rows, columns = self.rows, self.columns
        is_live = rows.is_timed & ((columns.flags[self.stream] | rows.quality) & NOT_LIVE == 0)
        source = columns.source[self.stream]
        return {
            columns.sources[one]: Delays(rows.received_us[chosen], rows.time_us[chosen])
            for one in set(source[is_live].tolist())
            for chosen in [is_live & (source == one)]
        }
