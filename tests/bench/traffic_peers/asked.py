"""Serves questions of a measuring process: a JSON object a line in, a JSON object a line out.

A case is arrays in an .npz file: ``nodes``, ``tail``, ``head`` (rows from 0), ``t0_s``,
``capacity``, ``factor``, ``power`` (BPR; factor 0 is a constant time), ``is_zone``,
``no_through``, ``link_id``; ``origin``, ``destination``, ``flow`` and ``class_index`` of the
trips; ``pce``, ``allowed`` and ``extra_s`` by class. Flows (classes, links) go back as a .npy file.
"""

import json
import resource
import sys
from collections.abc import Callable, Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]
Answer = dict[str, object]


def serve(prepare: Callable[[Arrays, int], Callable[[float, float], tuple[np.ndarray, Answer]]]):
    """Prepare the case named in the arguments, then answer until the input ends."""
    case, threads = sys.argv[1], int(sys.argv[2])
    out = sys.stdout
    sys.stdout = sys.stderr
    with np.load(case) as content:
        arrays = {name: content[name] for name in content.files}
    solve = prepare(arrays, threads)
    print("ready", file=out, flush=True)
    for number, line in enumerate(sys.stdin):
        question = json.loads(line)
        flows, answer = solve(question["gap"], question["limit_s"])
        file = f"{case}.{number}.npy"
        np.save(file, flows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({**answer, "flows": file, "peak_bytes": peak}), file=out, flush=True)
