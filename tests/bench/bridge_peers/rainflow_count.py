"""`rainflow` (ASTM E1049) on one row of samples; runs in the environment of the peers."""

from importlib.metadata import version

import numpy as np
import rainflow  # pyrefly: ignore [missing-import] - in the environment of the peers
from timing import Arrays, serve  # pyrefly: ignore [missing-import] - beside this file


def prepare(arrays: Arrays):
    samples = arrays["samples"]

    def run():
        found = np.array(
            [(cycle[0], cycle[2]) for cycle in rainflow.extract_cycles(samples)]
        ).reshape(-1, 2)
        return {"ranges": found[:, 0], "weights": found[:, 1]}

    return run


if __name__ == "__main__":
    serve(prepare, f"rainflow {version('rainflow')}")
