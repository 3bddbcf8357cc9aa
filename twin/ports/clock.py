"""Where the present time comes from."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Source of the present time."""

    def __call__(self) -> datetime:
        """Return the present time as aware UTC."""
        ...
