"""How much memory the path store may take where nobody says so."""

import os
import resource
from functools import cache
from pathlib import Path

_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_SHARE = 4


def allowed_bytes() -> int:
    """A quarter of what the process may use: machine, container and process limit.

    Examples
    --------
    >>> allowed_bytes() > 1_000_000
    True
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    own = resource.getrlimit(resource.RLIMIT_AS)[0]
    if own != resource.RLIM_INFINITY:
        limits.append(own)
    limits += [limit for path in _CONTAINER_LIMITS if (limit := _container_limit(path)) is not None]
    return min(limits) // _SHARE


@cache
def _container_limit(path: Path) -> int | None:
    """The limit that the container states, None where there is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
