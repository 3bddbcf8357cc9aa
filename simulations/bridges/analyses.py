"""The analyses that a worker makes at every bridge, in their order."""

from simulations.bridges import (
    acoustics,
    bearings,
    crossings,
    fatigue,
    faults,
    floods,
    frequencies,
    loads,
    modes,
    obeying,
    reality,
    scour,
    structures,
    trends,
)
from simulations.bridges.rounds import Analysis

ANALYSES: tuple[Analysis, ...] = (
    modes.ANALYSIS,
    frequencies.ANALYSIS,
    trends.ANALYSIS,
    bearings.ANALYSIS,
    loads.ANALYSIS,
    crossings.ANALYSIS,
    obeying.ANALYSIS,
    faults.ANALYSIS,
    floods.ANALYSIS,
    scour.ANALYSIS,
    acoustics.ANALYSIS,
    structures.ANALYSIS,
    reality.ANALYSIS,
    fatigue.ANALYSIS,
)
