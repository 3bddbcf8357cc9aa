"""Run one mq-bridge route in its own environment: ``mq_bridge_route.py ROUTE.json``."""

import json
import sys
from pathlib import Path

import mq_bridge  # pyrefly: ignore[missing-import]

mq_bridge.Route.from_config(json.loads(Path(sys.argv[1]).read_text())).run()
