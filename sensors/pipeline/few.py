"""A handful of ordinary messages into a batch, without columns on the way. Pure.

Whatever it gives is what `sensors.pipeline.preparation` would give; messages among which one is not
ordinary it leaves to that, all of them. So it decides about speed alone.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sensors.broker.delivery import Delivery
from sensors.codecs.columns import Columns
from sensors.pipeline.lanes import BY_MESSAGE, Lane, Lanes
from sensors.pipeline.prepared import Prepared
from sensors.routing import StreamTable
from sensors.rules.quality import Rows, TimePolicy
from sensors.rules.qualitysingle import OrdinaryReadings
from twin.model.messages import Limits
from twin.model.observations import Readings, Tally, no_arrivals

FEW = 8
LIMITS = Limits()
NO_ARRIVALS = no_arrivals()


class FewMessages:
    """Prepares a few messages of topics that name a registered datastream.

    Parameters
    ----------
    lanes
        What each topic means.
    streams, policy
        As in `Pipeline`.
    """

    def __init__(self, lanes: Lanes, streams: StreamTable, policy: TimePolicy) -> None:
        self._lanes = lanes
        self._columns = streams.columns
        self._ordinary = OrdinaryReadings(streams, policy)

    def prepare(
        self, deliveries: Sequence[Delivery], *, unsure_from_us: int | None
    ) -> Prepared | None:
        """Prepare at most `FEW` messages with at most as many readings; None if they are others."""
        found = [self._lanes.known.get(delivery.topic) for delivery in deliveries]
        lanes = [lane for lane in found if lane is not None and lane.number != BY_MESSAGE]
        reader = lanes[0].reader if len(lanes) == len(deliveries) <= FEW else None
        if reader is None or any(lane.group != lanes[0].group for lane in lanes):
            return None
        if any(delivery.is_retained for delivery in deliveries):
            return None
        try:
            columns = reader.decode_columns([delivery.payload for delivery in deliveries], LIMITS)
        except Exception:  # noqa: BLE001 - a plugin; `decode` says which message it was
            return None
        if columns.left or not 0 < len(columns.message) <= FEW:
            return None
        return self._judged(deliveries, lanes, columns, unsure_from_us)

    def _judged(
        self,
        deliveries: Sequence[Delivery],
        lanes: Sequence[Lane],
        columns: Columns,
        unsure_from_us: int | None,
    ) -> Prepared | None:
        chosen = [deliveries[message] for message in columns.message]
        number = [lanes[message].number for message in columns.message]
        given = [columns.quality.get(place, 0) for place in range(len(number))]
        judge = self._ordinary.judge
        judged = [
            judge(one, time_us, value, quality=quality, received_us=delivery.received_us)
            for one, time_us, value, quality, delivery in zip(
                number, columns.time_us, columns.value, given, chosen, strict=True
            )
        ]
        fine = [one for one in judged if one is not None]
        if len(fine) < len(judged):
            return None
        count = len(fine)
        from_us = np.inf if unsure_from_us is None else unsure_from_us
        rows = Rows(
            number=np.array(number, np.int32),
            time_us=np.array(columns.time_us, np.int64),
            value=np.array(columns.value, np.float64),
            quality=np.array(given, np.int16),
            sequence=np.array(columns.sequence, np.int64),
            is_timed=np.ones(count, np.bool_),
            received_us=np.array([one.received_us for one in chosen], np.int64),
            is_unsure=np.array([one.is_repeat or one.received_us >= from_us for one in chosen]),
        )
        quality = np.array([bits for _, bits in fine], np.int16)
        stream = np.array([row for row, _ in fine], np.intp)
        source_of = self._columns.source
        received = Counter(self._columns.sources[source_of[row]] for row, _ in fine)
        return Prepared(
            messages=len(deliveries),
            readings=Readings(rows.number, rows.time_us, rows.value, quality),
            arrivals=NO_ARRIVALS,
            waveforms=(),
            rejections=(),
            tallies={name: Tally(received[name]) for name in sorted(received)},
            unknown_streams=0,
            events={},
            arrived=(),
            states={},
            proposals={},
            withdrawn=(),
            by_source=Counter(lane.source for lane in lanes),
            rows=rows,
            stream=stream,
            columns=self._columns,
        )
