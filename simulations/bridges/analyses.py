"""The analyses that a worker makes at every bridge, in their order."""

from simulations.bridges import bearings, floods, frequencies, modes, reality, trends
from simulations.bridges.rounds import Analysis

ANALYSES: tuple[Analysis, ...] = (
    modes.ANALYSIS,
    frequencies.ANALYSIS,
    trends.ANALYSIS,
    bearings.ANALYSIS,
    floods.ANALYSIS,
    reality.ANALYSIS,
)
