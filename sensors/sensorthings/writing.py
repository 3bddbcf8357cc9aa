"""POST to SensorThings: who may, what is asked for, and the answer."""

import asyncio
import base64
import binascii
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fastapi import Request, Response

from sensors.sensorthings.addresses import entity_path, steps_of
from sensors.sensorthings.answers import Answering, observations
from sensors.sensorthings.bodies import (
    CREATE_MANY,
    read_data_array,
    read_document,
    read_observation,
    target_of,
)
from sensors.sensorthings.catalogue import Catalogue
from sensors.sensorthings.creating import NO_RULE, Creator, Result
from sensors.sensorthings.options import Options
from sensors.sensorthings.problems import NotYetError, RequestError, UnsupportedError
from sensors.sensorthings.readings import ObservationRows
from sensors.sensorthings.responses import failed, json_response
from sensors.sensorthings.schema import OBSERVATIONS
from twin.city import Twin
from twin.errors import ReleaseError, StoreUnavailableError
from twin.model.decisions import CREATE_READINGS

THREADS = 4
MOST_WAITING = 64
RETRY = {"Retry-After": "5"}


class Writing:
    """Creates observations for those who hold a key with the permission ``reading.create``.

    Parameters
    ----------
    twin
        Whose readings.
    creator
        Their way into the store.
    catalogue
        Gives the entities of this moment.
    """

    def __init__(self, twin: Twin, creator: Creator, catalogue: Callable[[], Catalogue]) -> None:
        self._twin = twin
        self._creator = creator
        self._catalogue = catalogue
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sensorthings-create")
        self._room = threading.Semaphore(MOST_WAITING)

    async def create(self, request: Request, root: str) -> Response:
        """Answer a POST; those that wait for the ingester keep no other request waiting."""
        body = await request.body()
        if not self._room.acquire(blocking=False):
            return failed(503, f"{MOST_WAITING} requests wait already; repeat it later", RETRY)
        path = request.path_params.get("path", "")
        key, caller = key_of(request.headers.get("authorization", "")), _caller(request)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, self.created, path, body, key, caller, root)
        work.add_done_callback(lambda _: self._room.release())
        return await asyncio.shield(work)

    def created(self, path: str, body: bytes, key: str, caller: str, root: str) -> Response:
        """Response to a path, a body and a key."""
        try:
            return self._created(path, body, key, caller, root)
        except ReleaseError as error:
            if error.is_locked_out:
                return failed(429, str(error), {"Retry-After": "900"})
            status = 403 if key else 401
            return failed(status, str(error), {} if key else {"WWW-Authenticate": "Bearer"})
        except NotYetError as error:
            return failed(error.status, str(error), RETRY)
        except RequestError as error:
            return failed(error.status, str(error))
        except StoreUnavailableError:
            return failed(503, "the database cannot be reached now; repeat later", RETRY)

    def _created(self, path: str, body: bytes, key: str, caller: str, root: str) -> Response:
        steps = steps_of(path)
        is_many = [(step.name, step.key) for step in steps] == [(CREATE_MANY, None)]
        target = None if is_many else target_of(steps)
        if not self._creator.is_offered:
            raise UnsupportedError(NO_RULE)
        self._twin.decisions.require_key(
            key, caller=caller, purpose="create readings", permission=CREATE_READINGS
        )
        document = read_document(body)
        catalogue = self._catalogue()
        if is_many:
            found = self._creator.create(catalogue, read_data_array(document))
            return _many(catalogue, root, found)
        result = self._creator.create(catalogue, [read_observation(document, target)])[0]
        if isinstance(result, RequestError):
            raise result
        rows = ObservationRows(catalogue, result)
        entity = observations(Answering(self._twin, catalogue, root), rows, Options())[0]
        return json_response(entity, 201, {"Location": _address(root, rows)})


def _many(catalogue: Catalogue, root: str, found: Sequence[Result]) -> Response:
    """A link or an error for each row; 503 if nothing but waiting is left to all of them."""
    if found and all(isinstance(one, NotYetError) for one in found):
        return failed(503, str(found[0]), RETRY)
    links = [
        f"error: {one}"
        if isinstance(one, RequestError)
        else _address(root, ObservationRows(catalogue, one))
        for one in found
    ]
    return json_response(links, 201)


def _address(root: str, rows: ObservationRows) -> str:
    return f"{root}/{entity_path(OBSERVATIONS, rows.ids()[0])}"


def key_of(authorization: str) -> str:
    """Key of a header: ``Bearer KEY``, or the password of ``Basic``, which older clients send.

    Examples
    --------
    >>> key_of("Bearer abc"), key_of("Basic YW55OmFiYw=="), key_of("")
    ('abc', 'abc', '')
    """
    kind, _, rest = authorization.partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _caller(request: Request) -> str:
    return "http" if request.client is None else f"http {request.client.host}"
