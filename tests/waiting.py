"""Waiting for a condition with a deadline, the only way in which tests wait."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str, *, timeout_s: float = 30.0) -> Found:
    """What ``look`` returns as soon as it is neither None nor False."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        pause.wait(0.05)
    pytest.fail(f"waited {timeout_s:g} s in vain for {what}")
