"""One thing at a time beside the loop."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec

P = ParamSpec("P")


class Errand:
    """Is run aside, so that the loop never waits; one that takes long is not followed by another.

    What it raises is lost: it deals with that itself.

    Parameters
    ----------
    aside
        Where.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> done = []
    >>> with ThreadPoolExecutor(1) as aside:
    ...     Errand(aside).run(done.append, 1)
    >>> done
    [1]
    """

    def __init__(self, aside: Executor) -> None:
        self._aside = aside
        self._running: Future[Any] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the last one is not done yet."""
        return self._running is not None and not self._running.done()

    def run(self, work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Do this aside, unless the last one is still running."""
        if not self.is_running:
            self._running = self._aside.submit(work, *args, **kwargs)
