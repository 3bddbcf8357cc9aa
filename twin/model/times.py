"""Times as whole microseconds since 1970-01-01 UTC, the form that columns hold."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware time; parts of a microsecond are cut.

    Examples
    --------
    >>> to_us(datetime(2026, 11, 22, tzinfo=UTC))
    1795305600000000
    """
    return (time - EPOCH) // timedelta(microseconds=1)


def from_us(time_us: int) -> datetime:
    """Aware UTC time of microseconds since 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=int(time_us))


def utc_now() -> datetime:
    """Present time of this machine, aware UTC."""
    return datetime.now(UTC)
