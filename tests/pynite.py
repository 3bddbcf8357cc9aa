"""PyNiteFEA as oracle of beams and grillages, in a child process of the peers' environment."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import REPOSITORY, python

from simulations.structure.beam import Beam
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.grillage import Grillage

SCRIPT = REPOSITORY / "tests" / "bench" / "structure_peers" / "pynite.py"
LIMIT_S = 240.0
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def asked(case: Mapping[str, NDArray], *, rounds: int = 1) -> Mapping[str, NDArray]:
    """What PyNiteFEA finds; arrays as the script describes them."""
    with tempfile.TemporaryDirectory(prefix="twin-peers-") as folder:
        source, target = Path(folder) / "case.npz", Path(folder) / "found.npz"
        np.savez(source, allow_pickle=False, **case)
        subprocess.run(
            [str(python()), str(SCRIPT), str(source), str(target), str(rounds)],
            check=True,
            timeout=LIMIT_S,
            capture_output=True,
            env={**os.environ, **ONE_THREAD},
        )
        with np.load(target) as content:
            return {name: content[name] for name in content.files}


def beam_case(
    beam: Beam, stations_m: NDArray[np.float64], loads_at: NDArray[np.int64], *, modes: int = 0
) -> dict[str, NDArray]:
    """A beam with nodes at stations; one load case of 1 kN for each of the nodes named."""
    system = BeamSystem(beam, extra_m=stations_m)
    nodes = system.nodes_m
    hinges = set(system.nodes_at(np.array(beam.hinges_m)).tolist())
    stiffness = [[s.vertical_n_per_m, s.rotation_nm_per_rad, 0.0] for s in beam.supports]
    tail = np.arange(len(nodes) - 1)
    return {
        "x": nodes,
        "y": np.zeros(len(nodes)),
        "tail": tail,
        "head": tail + 1,
        "bending": system.bending_nm2,
        "torsion": np.zeros(len(tail)),
        "mass": system.mass_kg_per_m,
        "hinged": np.array([int(one) in hinges for one in tail]),
        "support": system.support_nodes,
        "stiffness": np.array(stiffness),
        "node": loads_at,
        "case": np.arange(len(loads_at)),
        "force": np.full(len(loads_at), 1000.0),
        "cases": np.array(len(loads_at)),
        "modes": np.array(modes),
    }


def grillage_case(
    grillage: Grillage, nodes: NDArray[np.int64], forces_n: NDArray[np.float64], *, modes: int = 0
) -> dict[str, NDArray]:
    """A grillage with one load case per node."""
    stiffness = [
        [one.vertical_n_per_m, one.slope_x_nm_per_rad, one.slope_y_nm_per_rad]
        for one in grillage.supports
    ]
    return {
        "x": grillage.x_m,
        "y": grillage.y_m,
        "tail": grillage.tail,
        "head": grillage.head,
        "bending": grillage.bending_nm2,
        "torsion": grillage.torsion_nm2,
        "mass": grillage.mass_kg_per_m,
        "hinged": np.zeros(len(grillage.tail), dtype=bool),
        "support": np.array([one.node for one in grillage.supports]),
        "stiffness": np.array(stiffness),
        "node": nodes,
        "case": np.arange(len(nodes)),
        "force": forces_n,
        "cases": np.array(len(nodes)),
        "modes": np.array(modes),
    }
