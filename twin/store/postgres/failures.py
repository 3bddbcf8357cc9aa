"""What an error of the database means for the caller."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import psycopg

from twin.errors import StoreError, StoreUnavailableError

Failure = Literal["unavailable", "repeat", "poison", "refused"]

_UNAVAILABLE = ("08", "53", "57", "58")
_READ_ONLY_STANDBY = "25006"
_REPEAT = ("40001", "40P01", "55P03")
_POISON = ("22", "23")
_ADVICE = {
    "26": "connect to the server itself, not through a pooler in transaction mode",
    "28": "check user and password",
    "3D": "create the database or correct its name",
    "42": "run `twin migrate`, or check the rights of this user",
}


def classify(error: psycopg.Error) -> Failure:
    """Kind of a failure by its SQLSTATE; never by a constraint's name, which may be a chunk's.

    Without a state the error was found here: a lost connection, a value that cannot be sent, or a
    mistake of ours, for which no row is to blame.
    """
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return "unavailable"
        return "poison" if isinstance(error, psycopg.DataError) else "refused"
    if state.startswith(_UNAVAILABLE) or state == _READ_ONLY_STANDBY:
        return "unavailable"
    if state in _REPEAT:
        return "repeat"
    return "poison" if state.startswith(_POISON) else "refused"


def store_error(error: psycopg.Error) -> StoreError:
    """The error of ours for an error of the database; says what to do where we know it."""
    said = (error.diag.message_primary or str(error)).strip().replace("\n", " ")
    kind = classify(error)
    if kind == "unavailable":
        return StoreUnavailableError(f"the database cannot be reached: {said}; repeat it later")
    if kind == "repeat":
        return StoreUnavailableError(f"the database is busy: {said}; repeat it")
    advice = _ADVICE.get((error.sqlstate or "")[:2], "correct the value it names")
    return StoreError(f"the database refuses this ({error.sqlstate}): {said}; {advice}")


@contextmanager
def translated() -> Generator[None]:
    """Turn errors of the database inside the block into errors of ours."""
    try:
        yield
    except psycopg.Error as error:
        raise store_error(error) from error
