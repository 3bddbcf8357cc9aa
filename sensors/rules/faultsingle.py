"""One ordinary reading against the memory of the sensor-fault rules, without columns. Pure.

A batch of a few readings costs more in columns than in numbers. What is not ordinary goes the way
of all batches: `sensors.rules.faultrules` judges it, and nothing else marks.
"""

from sensors.rules.faultmemory import RUN_BINS, Memory
from sensors.rules.faultwindows import FaultParameters, window_references


class SingleReadings:
    """Learns ordinary readings one by one, exactly as a batch of one would."""

    def __init__(self, memory: Memory, parameters: FaultParameters) -> None:
        self._memory = memory
        self._parameters = parameters
        self._window = int(parameters.window)
        self._refresh = int(parameters.refresh)

    def learn(self, slot: int, time_us: int, value: float) -> bool:
        """Learn a reading that is newer than all known; False, and nothing, if a rule may mark it.

        Parameters
        ----------
        slot
            Its datastream in the memory.
        value
            Finite.
        """
        memory = self._memory
        before, run = float(memory.last_value[slot]), int(memory.run[slot])
        if not self._is_ordinary(slot, value, before, run):
            return False
        if value == before:
            memory.run[slot] = run + 1
        else:
            if run:
                self._learn_run(slot, min(run, float(memory.stuck_limit[slot])))
            memory.run[slot] = 1
            memory.run_since_us[slot] = time_us
        self._remember(slot, time_us, value)
        return True

    def _is_ordinary(self, slot: int, value: float, before: float, run: int) -> bool:
        """Whether no rule has anything to say."""
        memory = self._memory
        rests = (0.0, float(memory.lower[slot]), float(memory.upper[slot]))
        if value in rests or (run and before in rests):
            return False
        if value == before and run >= self._parameters.stuck_least:
            return False
        center, scale, low_rail, high_rail = memory.references[slot].tolist()
        is_outside = abs(value - center) > self._parameters.spike_leave * scale  # not while NaN
        return not is_outside and value not in (low_rail, high_rail)

    def _learn_run(self, slot: int, length: float) -> None:
        memory, chosen = self._memory, self._parameters
        memory.runs[slot, min(int(length).bit_length(), RUN_BINS) - 1] += 1
        memory.run_total[slot] += length
        counts = memory.runs[slot].tolist()
        number = sum(counts)
        if number < chosen.stuck_runs:
            return  # no limit yet
        below = bins = 0
        while below < chosen.stuck_quantile * number:
            below += counts[bins]
            bins += 1
        memory.stuck_limit[slot] = max(
            chosen.stuck_factor * (2.0**bins - 1.0),
            chosen.stuck_mean_factor * (float(memory.run_total[slot]) / number),
            chosen.stuck_least,
        )

    def _remember(self, slot: int, time_us: int, value: float) -> None:
        memory = self._memory
        count = int(memory.count[slot])
        memory.ring[slot, count % self._window] = value
        if not count:
            memory.first_us[slot] = time_us
        count += 1
        memory.count[slot] = count
        memory.newest_us[slot] = time_us
        memory.last_value[slot] = value
        memory.active[slot] += 1
        memory.spike_run[slot] = 0
        if count % self._refresh == 0 and count >= self._window:
            one = slice(slot, slot + 1)
            memory.references[one] = window_references(
                memory.ring[one].copy(), memory, one, parameters=self._parameters
            )
