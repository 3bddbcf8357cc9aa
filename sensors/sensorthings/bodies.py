"""What a client sends to create observations: one of them, or a data array. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensors.codecs.decoder import RefusedError
from sensors.codecs.strict_json import parse
from sensors.sensorthings.addresses import Step
from sensors.sensorthings.problems import MalformedError, RequestError, UnsupportedError
from sensors.sensorthings.schema import OBSERVATIONS
from twin.model.messages import Limits

CREATE_MANY = "CreateObservations"
MOST_ROWS = 1000
LIMITS = Limits(payload_bytes=1024 * 1024)
KEPT = ("phenomenonTime", "result", "resultTime")
FEATURE = "FeatureOfInterest"
FEATURE_ID = "FeatureOfInterest/id"


@dataclass(frozen=True, slots=True)
class Asked:
    """An observation that a client asks for.

    Parameters
    ----------
    datastream
        Its id.
    members
        ``phenomenonTime``, ``result``, ``resultTime``, as far as they are told.
    feature
        Id of the feature of interest that the client names; empty if it names none.
    """

    datastream: str
    members: Mapping[str, object]
    feature: str = ""

    @property
    def payload(self) -> bytes:
        """The same as the message that the codec ``sensorthings_made`` reads."""
        document = {"Datastream": {"@iot.id": self.datastream}, **self.members}
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def target_of(steps: Sequence[Step]) -> str | None:
    """Id of the datastream that a path to create an observation names; None if it names none.

    Raises
    ------
    UnsupportedError
        If something else would be created there.

    Examples
    --------
    >>> target_of([Step("Datastreams", "B1-strain"), Step("Observations")])
    'B1-strain'
    """
    match steps:
        case [Step(name="Observations", key=None)]:
            return None
        case [Step(name="Datastreams", key=str(uid)), Step(name="Observations", key=None)]:
            return uid
    raise UnsupportedError(
        f"only {OBSERVATIONS} are created here: POST to {OBSERVATIONS}, to "
        f"Datastreams('id')/{OBSERVATIONS} or to {CREATE_MANY}; entities come from the city folder"
    )


def read_document(body: bytes) -> object:
    """JSON of a body; MalformedError if it is none."""
    try:
        return parse(body, LIMITS)
    except RefusedError as refused:
        raise MalformedError(f"the body cannot be read: {refused.detail}") from refused


def read_observation(document: object, datastream: str | None) -> Asked:
    """The observation in a body.

    Parameters
    ----------
    datastream
        Id that the address names, if it names one.

    Raises
    ------
    MalformedError
        If it is none; says which member is wrong.
    """
    if not isinstance(document, dict):
        raise MalformedError("the body must be one Observation, a JSON object")
    told = _id(document, "Datastream")
    if datastream is None and not told:
        raise MalformedError(
            "Datastream: name it as {\"@iot.id\": ID}, or POST to Datastreams('ID')/Observations"
        )
    if datastream is not None and told not in ("", datastream):
        raise MalformedError(f"Datastream: the address names {datastream!r}, the body another one")
    members = {name: value for name, value in document.items() if value is not None}
    known = (*KEPT, "Datastream", FEATURE)
    unknown = [name[:40] for name in members if name not in known]
    if unknown:
        raise MalformedError(f"{', '.join(unknown)}: not kept by this service; leave it out")
    kept = {name: members[name] for name in KEPT if name in members}
    return Asked(datastream or told, _whole(kept), _id(document, FEATURE))


def read_data_array(document: object) -> list[Asked | RequestError]:
    """Observations of a data array, row by row, or what is wrong with the row.

    Raises
    ------
    MalformedError
        If the body is no data array; says where.
    """
    if not isinstance(document, list) or not document:
        raise MalformedError("the body must be a list of data arrays, one for each datastream")
    found: list[Asked | RequestError] = []
    for place, group in enumerate(document):
        if not isinstance(group, dict) or not _id(group, "Datastream"):
            raise MalformedError(f'[{place}]/Datastream: name it as {{"@iot.id": ID}}')
        components, rows = group.get("components"), group.get("dataArray")
        if not isinstance(components, list) or not isinstance(rows, list):
            raise MalformedError(f"[{place}]: components and dataArray must be lists")
        unknown = [str(one)[:40] for one in components if one not in (*KEPT, FEATURE_ID)]
        if unknown or len(set(components)) < len(components):
            raise MalformedError(
                f"[{place}]/components: use {', '.join((*KEPT, FEATURE_ID))}, each once; "
                f"not kept: {', '.join(unknown) or 'none'}"
            )
        if len(found) + len(rows) > MOST_ROWS:
            raise MalformedError(f"more than {MOST_ROWS} rows; send them in several requests")
        found += [_row(_id(group, "Datastream"), components, row) for row in rows]
    return found


def _row(datastream: str, components: Sequence[str], row: object) -> Asked | RequestError:
    if not isinstance(row, list) or len(row) != len(components):
        return MalformedError(f"the row must hold {len(components)} values, one per component")
    told = {name: value for name, value in zip(components, row, strict=True) if value is not None}
    feature = str(told.pop(FEATURE_ID, ""))
    try:
        return Asked(datastream, _whole(told), feature)
    except RequestError as error:
        return error


def _whole(members: Mapping[str, object]) -> Mapping[str, object]:
    """The members, if time and result are among them; a repeat without time would be a second."""
    missing = [name for name in ("phenomenonTime", "result") if name not in members]
    if missing:
        raise MalformedError(
            f"{', '.join(missing)}: absent; every observation over HTTP names both, so that a "
            "repeated request is the same observation"
        )
    return members


def _id(document: Mapping[str, object], name: str) -> str:
    """Id of a linked entity; empty if there is none."""
    linked = document.get(name)
    if linked is None:
        return ""
    told = linked.get("@iot.id") if isinstance(linked, dict) else None
    if not isinstance(told, str | int) or isinstance(told, bool) or not str(told):
        raise MalformedError(f'{name}: name it as {{"@iot.id": ID}}; a new one is not created here')
    return str(told)
