"""The child process that is the embedded broker: ``python rumqtt.py CONFIG``.

The broker has no way to be stopped, so it gets a process of its own. That process ends when its
standard input closes, that is, when its parent ends in whatever way.
"""

import logging
import os
import sys
import threading

from iotcore import IotCoreBroker


def main(arguments: list[str]) -> None:
    """Serve the configuration file named by the only argument, until the parent goes away."""
    (config,) = arguments
    # It reports every packet as an error; only its crashes, which bypass logging, are of interest.
    logging.basicConfig(level=logging.CRITICAL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    IotCoreBroker(config_path=config).run_forever()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
