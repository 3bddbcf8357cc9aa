"""pylife's four-point detector on one row of samples; runs in the environment of the peers."""

from importlib.metadata import version

import numpy as np
from pylife.stress.rainflow import (  # pyrefly: ignore [missing-import] - with the peers
    FourPointDetector,
    LoopValueRecorder,
)
from timing import Arrays, serve  # pyrefly: ignore [missing-import] - beside this file


def prepare(arrays: Arrays):
    samples = arrays["samples"]

    def run():
        recorder = LoopValueRecorder()
        detector = FourPointDetector(recorder=recorder).process(samples)
        ranges = np.abs(np.asarray(recorder.values_to) - np.asarray(recorder.values_from))
        return {"ranges": ranges, "residue": np.asarray(detector.residuals)}

    return run


if __name__ == "__main__":
    serve(prepare, f"pylife {version('pylife')}")
