"""Steps through a SUMO run and reads every vehicle, over libsumo or TraCI; prints seconds as JSON.

Run by the interpreter of ``.venv-peers``: ``sumo_reads.py libsumo|traci NET ROUTES STEPS``.
"""

import importlib
import json
import sys
import time
from pathlib import Path

api, net, routes, steps = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sumo = importlib.import_module(api)
home = importlib.import_module("sumo").SUMO_HOME
binary = str(Path(home) / "bin" / "sumo") if api == "traci" else "sumo"
sumo.start([binary, "-n", net, "-r", routes, "--no-step-log", "true", "--seed", "1"])
reads = 0
begun = time.perf_counter()
for _ in range(steps):
    sumo.simulationStep()
    for vehicle in sumo.vehicle.getIDList():
        sumo.vehicle.getSpeed(vehicle)
        sumo.vehicle.getRoadID(vehicle)
        sumo.vehicle.getLanePosition(vehicle)
        reads += 3
seconds = time.perf_counter() - begun
sumo.close()
print("\n" + json.dumps({"seconds": seconds, "reads": reads}))
