"""What an error of the database means, by its SQLSTATE."""

import psycopg
import pytest
from psycopg import errors

from twin.errors import StoreError, StoreUnavailableError
from twin.store.postgres.failures import Failure, classify, store_error

STATES: dict[str, Failure] = {
    "08006": "unavailable",  # connection failure
    "25006": "unavailable",  # a standby that reads only
    "53100": "unavailable",  # disk full: no row is to blame
    "53300": "unavailable",  # too many connections
    "57P01": "unavailable",  # administrator's shutdown
    "57P03": "unavailable",  # starting up
    "58030": "unavailable",  # input/output error
    "40001": "repeat",
    "40P01": "repeat",
    "55P03": "repeat",
    "22003": "poison",
    "22P02": "poison",
    "23505": "poison",
    "23514": "poison",
    "42501": "refused",
    "42P01": "refused",
    "28P01": "refused",
    "3D000": "refused",
    "26000": "refused",
    "XX001": "refused",
}


@pytest.mark.parametrize("state", STATES)
def test_the_state_decides(state: str) -> None:
    try:
        error = errors.lookup(state)("it failed")
    except KeyError:
        error = type("Unnamed", (psycopg.DatabaseError,), {"sqlstate": state})("it failed")
    assert classify(error) == STATES[state]
    is_unavailable = STATES[state] in ("unavailable", "repeat")
    assert isinstance(store_error(error), StoreUnavailableError) == is_unavailable


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (psycopg.OperationalError, "unavailable"),
        (psycopg.InterfaceError, "unavailable"),
        (psycopg.DataError, "poison"),
        (psycopg.ProgrammingError, "refused"),
        (psycopg.NotSupportedError, "refused"),
        (psycopg.InternalError, "refused"),
    ],
)
def test_without_a_state_the_kind_decides(kind: type[psycopg.Error], failure: Failure) -> None:
    assert classify(kind("it failed")) == failure


@pytest.mark.parametrize(
    ("state", "advice"), [("42P01", "twin migrate"), ("28P01", "password"), ("26000", "pooler")]
)
def test_a_refusal_says_what_to_do(state: str, advice: str) -> None:
    error = store_error(errors.lookup(state)("it failed"))
    assert isinstance(error, StoreError)
    assert advice in str(error)
