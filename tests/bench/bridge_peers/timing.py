"""Serves a measuring process: each JSON line in is one run, seconds and answer go back.

The arrays come in an .npz file named in the arguments, the answer goes back as another. What a peer
prepares from the arrays before the first run is not measured.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def serve(prepare: Callable[[Arrays], Callable[..., Mapping[str, np.ndarray]]], version: str):
    """Prepare once, then run and answer until the input ends."""
    case = sys.argv[1]
    out = sys.stdout
    sys.stdout = sys.stderr
    with np.load(case) as content:
        arrays = {name: content[name] for name in content.files}
    run = prepare(arrays)
    print("ready", file=out, flush=True)
    for number, line in enumerate(sys.stdin):
        question = json.loads(line)
        began = time.perf_counter()
        answer = run(**question)
        seconds = time.perf_counter() - began
        file = f"{case}.{number % 2}.npz"
        np.savez(file, allow_pickle=False, **answer)
        told = {"seconds": seconds, "file": file, "version": version}
        print(json.dumps(told), file=out, flush=True)
