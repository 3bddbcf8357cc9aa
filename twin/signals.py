"""How a job learns that it shall stop."""

import os
import signal
import sys
import threading
from types import FrameType


def stop_on_signal() -> threading.Event:
    """Event that is set by SIGINT or SIGTERM; call it from the main thread."""
    stop = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return stop


def stop_with_parent() -> None:
    """End this process like SIGTERM when the supervisor's end of standard input closes.

    A killed supervisor leaves no jobs behind, and nothing has to be polled.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):  # not the buffered reader: it blocks the exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
