"""Time of msgspec (BSD-3-Clause) for parsing payloads into plain objects; run with .venv-peers.

Reads lines with a path from standard input; writes the best time of one parse [us] for each.
"""

import json
import sys
import timeit
from pathlib import Path

import msgspec  # pyrefly: ignore[missing-import] - lives in .venv-peers only

for line in sys.stdin:
    payload = Path(line.strip()).read_bytes()
    decode = msgspec.json.Decoder().decode
    timer = timeit.Timer(lambda one=payload, decode=decode: decode(one))
    times = timer.repeat(7, 2000)
    sys.stdout.write(json.dumps({"us": 1e6 * min(times) / 2000, "version": msgspec.__version__}))
    sys.stdout.write("\n")
    sys.stdout.flush()
