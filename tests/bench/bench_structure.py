"""Influence lines and grillages against PyNiteFEA: ``bench_structure.measure(rounds)``.

`scripts/bench bridge` calls it; alone it is ``scripts/bench structure``. PyNiteFEA prepares its
model before the clock starts; ours builds it within. Answers are compared before times are.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from bridge_rows import Row  # pyrefly: ignore [missing-import] - beside this file
from numpy.typing import NDArray
from pynite import asked, beam_case, grillage_case

from simulations.structure.beam import Beam, continuous_beam
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.grillage import Grillage, GrillageSystem, regular_grillage
from simulations.structure.influence import UnitLoads

Floats = NDArray[np.float64]

PEER = "PyNiteFEA 3.2"
STATIONS_M = np.concatenate(
    [np.linspace(0.0, 24.0, 47), np.linspace(24.0, 54.0, 59)[1:], np.linspace(54.0, 78.0, 47)[1:]]
)
POSITIONS = np.linspace(4, 146, 20).astype(np.int64)
ELASTIC, SHEAR = 34e9, 34e9 / 2.4
REPEATS = 20


def bridge() -> Beam:
    """Three spans of 24, 30 and 24 m."""
    return continuous_beam([24.0, 30.0, 24.0], bending_nm2=51e9, mass_kg_per_m=15_000.0)


def all_lines() -> dict[str, Floats]:
    """Lines of moment, shear and deflection at all stations, and of all reactions."""
    system = BeamSystem(bridge(), extra_m=STATIONS_M)
    units = UnitLoads(system, STATIONS_M)
    return {
        "moment": units.moments(STATIONS_M),
        "shear": units.shears(STATIONS_M),
        "deflection": units.deflections(STATIONS_M),
        "reaction": units.reactions(),
    }


def deck() -> Grillage:
    """Grillage G1 of the specification: 6 girders of 30 m, 31 nodes each."""
    return regular_grillage(
        spans_m=[30.0],
        girders=6,
        spacing_m=2.4,
        step_m=1.0,
        girder_bending_nm2=ELASTIC * 0.25,
        girder_torsion_nm2=SHEAR * 0.05,
        cross_bending_nm2=ELASTIC * 0.008,
        cross_torsion_nm2=SHEAR * 0.016,
    )


def all_cases() -> Floats:
    """Deflections (nodes, 29) of the deck for a load at each inner node of the third girder."""
    grillage = deck()
    system = GrillageSystem(grillage)
    loads = np.zeros((system.size, 29))
    loads[3 * grillage.grid[2, 1:30], np.arange(29)] = 300e3
    return system.solve(loads)[::3]


def median_s(action: Callable[[], object], rounds: int) -> float:
    """Median seconds of one call; each round makes several, because one takes a millisecond."""
    action()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(REPEATS):
            action()
        taken.append((time.perf_counter() - began) / REPEATS)
    return statistics.median(taken)


def apart(one: Floats, other: Floats) -> str:
    """Greatest difference over the greatest value."""
    return f"within {np.abs(one - other).max() / np.abs(other).max():.1e} of the largest"


def measure(rounds: int = 5) -> list[Row]:
    """Rows of this part; PyNiteFEA takes some seconds a round."""
    lines, peer = all_lines(), asked(beam_case(bridge(), STATIONS_M, POSITIONS), rounds=rounds)
    beam = Row(
        "all influence lines, 3 spans, 151 nodes (151 positions; peer 20)",
        median_s(all_lines, rounds),
        PEER,
        float(np.median(peer["seconds"])),
        bar=20.0,
        accuracy=apart(lines["moment"][:-1, POSITIONS] * 1e3, peer["moment"][:, :, 0]),
    )
    grillage = deck()
    nodes = grillage.grid[2, 1:30]
    other = asked(grillage_case(grillage, nodes, np.full(29, 300e3)), rounds=rounds)
    plate = Row(
        "grillage 6 x 31, 29 load cases",
        median_s(all_cases, rounds),
        PEER,
        float(np.median(other["seconds"])),
        bar=100.0,
        accuracy=apart(all_cases(), other["deflection"]),
    )
    return [beam, plate]


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    rows = measure()
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:,.0f} times (bar {row.bar:g})"
        print(f"{row.name}: {row.ours_s * 1e3:.2f} ms, {row.peer} {ratio}; {row.accuracy}")
    return int(not all(row.is_met for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
