"""What the spool raises."""

from twin.errors import TwinError


class SpoolError(TwinError, OSError):
    """The spool cannot be opened or read now."""


class SpoolFullError(SpoolError):
    """The spool is full or cannot be written: stop acknowledging, try again later."""
