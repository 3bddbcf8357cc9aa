"""What is learned from a batch after its commit: many small batches are looked at as one."""

import logging
import time

import numpy as np

from sensors.clocks import ClockWatch
from sensors.ingest.gapnotes import GapNotes
from sensors.ingest.meter import Meter
from sensors.pipeline.prepared import Prepared
from twin.model.observations import Readings, joined
from twin.model.quality import Quality

logger = logging.getLogger(__name__)

GATHER_S = 0.1
GATHER_BATCHES = 1000
MOST_NAMED = 10


class Afterwards:
    """Counts and judges what was recorded, a tenth of a second later or when somebody asks.

    Parameters
    ----------
    meter
        Where to count.
    clocks, gaps
        Who else learns from it.
    """

    def __init__(self, meter: Meter, clocks: ClockWatch, gaps: GapNotes) -> None:
        self._meter = meter
        self._clocks = clocks
        self._gaps = gaps
        self._gathered: list[tuple[Prepared, int]] = []
        self._settled_s = 0.0

    def note(self, prepared: Prepared, *, committed_us: int) -> None:
        """Take note of a recorded batch [us since 1970-01-01 UTC]."""
        self._gathered.append((prepared, committed_us))
        is_due = time.monotonic() - self._settled_s > GATHER_S
        if is_due or len(self._gathered) >= GATHER_BATCHES:
            self.settle()

    def settle(self) -> None:
        """Look at what was gathered."""
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        self._settled_s = time.monotonic()
        batches = [prepared for prepared, _ in gathered]
        for prepared in batches:
            self._count(prepared)
        self._note_clocks(batches)
        self._gaps.note(batches)
        readings = [prepared.readings for prepared in batches]
        committed_us = np.repeat([at_us for _, at_us in gathered], [len(one) for one in readings])
        self._note_values(joined(*readings), committed_us)

    def _count(self, prepared: Prepared) -> None:
        for tally in prepared.tallies.values():
            self._meter.note("readings_received", tally.received)
            self._meter.note("ignored", tally.ignored)
            self._meter.note("missing", tally.missing)
            self._meter.note("unassigned", tally.unassigned)
        self._meter.note("events", sum(prepared.events.values()))

    def _note_clocks(self, batches: list[Prepared]) -> None:
        delays = [prepared.delays() for prepared in batches]
        for source in {source for one in delays for source in one}:
            found = [one[source] for one in delays if source in one]
            self._clocks.note(
                source,
                received_us=np.concatenate([one.received_us for one in found]),
                time_us=np.concatenate([one.time_us for one in found]),
            )

    def _note_values(self, readings: Readings, committed_us: np.ndarray) -> None:
        is_timely = (readings.quality & int(Quality.LATE)) == 0
        lags_s = (committed_us - readings.time_us)[is_timely] / 1e6
        self._meter.note_lags(lags_s, now_s=time.monotonic())
        numbers = readings.number[(readings.quality & int(Quality.OUT_OF_RANGE)) != 0]
        if len(numbers):
            self._meter.note("out_of_range", len(numbers))
            facts = {
                "count": len(numbers),
                "datastreams": np.unique(numbers)[:MOST_NAMED].tolist(),
                "hint": "stored and flagged; check unit and scale of the mapping, then the sensor",
            }
            logger.warning("values_out_of_range", extra=facts)
