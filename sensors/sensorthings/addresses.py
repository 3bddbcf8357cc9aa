"""Addresses of entities: from the path of a request to its steps, and from an id to a path."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote

from sensors.sensorthings.problems import MalformedError, UnknownEntityError

MOST_STEPS = 12
_STEP = re.compile(r"(?P<name>\$?\w+)(?:\((?P<key>'(?:[^']|'')*'|[^'()]*)\))?(?:/|$)")
_TOKEN = re.compile(r"(-?\d{1,18})_(\d{1,10})")


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a path: a name, and the key behind it if there is one."""

    name: str
    key: str | None = None


def steps_of(path: str) -> tuple[Step, ...]:
    """Steps of a path below the version.

    Raises
    ------
    UnknownEntityError
        If it is no path of SensorThings.

    Examples
    --------
    >>> steps_of("Things('a/b')/Datastreams")
    (Step(name='Things', key='a/b'), Step(name='Datastreams', key=None))
    """
    found, at, rest = [], 0, path.strip("/")
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None or len(found) == MOST_STEPS:
            raise UnknownEntityError(f"there is no address {path[:120]!r}")
        key = step["key"]
        if key is not None and key.startswith("'"):
            key = key[1:-1].replace("''", "'")
        found.append(Step(step["name"], key))
        at = step.end()
    return tuple(found)


def entity_path(set_name: str, key: str) -> str:
    """Path of an entity, quoted for an address.

    Examples
    --------
    >>> entity_path("Things", "it's")
    "Things('it''s')"
    """
    return f"{set_name}('{quote(key.replace(chr(39), chr(39) * 2), safe=_SAFE)}')"


_SAFE = "'@:/.,-_~!$*"


def entity_token(key: str) -> str:
    """Token of the entity behind which a page begins."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def entity_of_token(token: str) -> str:
    """Id in a token; MalformedError if it is none."""
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError) as error:
        raise MalformedError("$skiptoken is not one of ours; follow @iot.nextLink") from error


def reading_token(key: tuple[int, int]) -> str:
    """Token of the observation behind which a page begins."""
    return f"{key[0]}_{key[1]}"


def reading_of_token(token: str) -> tuple[int, int]:
    """Time [us] and datastream number in a token; MalformedError if it is none."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise MalformedError("$skiptoken is not one of ours; follow @iot.nextLink")
    return int(found[1]), int(found[2])
