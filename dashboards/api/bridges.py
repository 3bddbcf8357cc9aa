"""Bridges over HTTP below ``/api/bridges``: facts, inventory, findings, events and models.

Nothing here acts on traffic: restrictions and closures are told, never ordered.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api import bridge_documents as documents
from dashboards.api.series import FieldError, read_number
from dashboards.api.structure_documents import structure_documents
from dashboards.view import CityView, view_of
from twin.bridge_view import read_bridge, read_bridges, read_checks
from twin.city import Twin
from twin.errors import ModelError, RegistryError, StoreError, StoreUnavailableError
from twin.exchange.asb_export import FILE_NAMES, write_tables
from twin.model.acoustics import judged_reason
from twin.model.monitoring import EventKind
from twin.model.records import RECORD_KINDS
from twin.model.timeline import timeline
from twin.plugins import RouterOffer
from twin.settings import Settings

MOST_LISTED = 1000
DEFAULT_LISTED = 100
EVENT_DAYS = 30
MOST_DIGITS = 18
LARGEST_BODY = 20_000
SHOWN_FILES = frozenset({"image/jpeg", "image/png", "application/pdf"})
"""Media types that a browser may show; all others are only saved."""
STATUS = ((RegistryError, 404), (ModelError, 422), (StoreError, 422))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks of the city: parameters in the address, language, body."""

    view: CityView
    parameters: Mapping[str, str]
    language: str
    body: bytes = b""

    @property
    def twin(self) -> Twin:
        """The city."""
        return self.view.twin

    def known(self, *names: str) -> None:
        """FieldError for a parameter that the route does not know."""
        for name in self.parameters:
            if name not in (*names, "lang"):
                raise FieldError(name, f"unknown; use {', '.join((*names, 'lang'))}")

    def limit(self) -> int:
        """Most rows of the answer."""
        found = read_number("limit", self.parameters.get("limit", str(DEFAULT_LISTED)))
        if not 1 <= found <= MOST_LISTED:
            raise FieldError("limit", f"must be 1 to {MOST_LISTED}")
        return int(found)

    def choice(self, name: str, known: tuple[str, ...]) -> str | None:
        """One of some words, or None."""
        value = self.parameters.get(name)
        if value is not None and value not in known:
            raise FieldError(name, f"must be one of {', '.join(known)}")
        return value

    def day(self, name: str) -> date | None:
        """A date, or None."""
        text = self.parameters.get(name)
        try:
            return None if text is None else date.fromisoformat(text)
        except ValueError:
            raise FieldError(name, "must be a date such as 2026-11-22") from None

    def time(self, name: str, default: datetime) -> datetime:
        """A time with its offset."""
        text = self.parameters.get(name)
        if text is None:
            return default
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = datetime.min  # noqa: DTZ901 - refused below
        if found.tzinfo is None:
            raise FieldError(name, "must be a time with its offset, such as 2026-11-22T08:00:00Z")
        return found.astimezone(UTC)


Work = Callable[[Asked], object]


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the bridges."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    permissions: dict[str, str] = {}
    for name, (path, permission, work) in _ROUTES.items():
        router.add_api_route(path, _reading(work), name=name)
        permissions[name] = permission
    for stage, permission in _MOVES.items():
        path = f"/findings/{{number}}/{stage}"
        route = _moving(stage)
        router.add_api_route(path, route, methods=["POST"], name=f"finding_{stage}")
        permissions[f"finding_{stage}"] = permission
    router.add_api_route("/files/{sha256}", read_file, name="bridge_file")
    router.add_api_route("/tables/{name}.csv", read_table, name="bridge_table")
    permissions |= {"bridge_file": "damage.read", "bridge_table": "export.view"}
    for name, (path, permission, work) in _OF_ONE.items():
        router.add_api_route(path, _reading_one(work), name=name)
        permissions[name] = permission
    return RouterOffer("/api/bridges", router, permissions)


def _reading(work: Work) -> Callable[..., object]:
    async def route(request: Request) -> Response:
        return await _answered(request, work)

    return route


def _reading_one(work: Callable[[Asked, str], object]) -> Callable[..., object]:
    async def route(subject: str, request: Request) -> Response:
        return await _answered(request, lambda asked: work(asked, subject))

    return route


def _moving(stage: str) -> Callable[..., object]:
    async def route(number: str, request: Request) -> Response:
        body = await request.body()
        return await _answered(request, lambda asked: _moved(asked, number, stage), body=body)

    return route


async def read_file(sha256: str, request: Request) -> Response:
    """File of an attachment by its SHA-256."""
    return await _answered(request, lambda asked: _file(asked, sha256))


async def read_table(name: str, request: Request) -> Response:
    """Records of one kind of all structures, as a list with the names of ASB-ING."""
    return await _answered(request, lambda asked: _table(asked, name))


async def _answered(request: Request, work: Work, *, body: bytes = b"") -> Response:
    """Answer of a route; whatever is wrong is said in one form."""
    language = "en" if request.query_params.get("lang") == "en" else "de"
    asked = Asked(view_of(request), dict(request.query_params), language, body)
    try:
        found = await asyncio.to_thread(work, asked)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    except (RegistryError, ModelError, StoreError) as error:
        status = next(code for kind, code in STATUS if isinstance(error, kind))
        return JSONResponse({"error": str(error)}, status_code=status)
    return found if isinstance(found, Response) else JSONResponse(found)


def list_bridges(asked: Asked) -> object:
    """Every bridge as a row of the list."""
    asked.known()
    rows = [
        documents.summary_document(found, language=asked.language)
        for found in read_bridges(asked.twin)
    ]
    return documents.listed(rows, "bridges")


def _facts(asked: Asked, asset: str) -> object:
    asked.known()
    return documents.facts_document(read_bridge(asked.twin, asset), language=asked.language)


def _inventory(asked: Asked, asset: str) -> object:
    asked.known("kind", "as_of", "known_at")
    asked.twin.asset(asset)
    kind = asked.choice("kind", tuple(RECORD_KINDS))
    known_at = asked.time("known_at", asked.twin.now())
    found = asked.twin.bridges.book.records(
        asset, kind, known_at=known_at, as_of=asked.day("as_of")
    )
    rows = [documents.record_document(stored, language=asked.language) for stored in found]
    return documents.listed(rows, "records")


def _versions(asked: Asked, asset: str) -> object:
    asked.known("kind", "key", "part")
    asked.twin.asset(asset)
    kind = asked.choice("kind", tuple(RECORD_KINDS))
    if kind is None or "key" not in asked.parameters:
        raise FieldError("kind", "kind and key say which object is meant")
    part = asked.parameters.get("part", "")
    key = asked.parameters["key"]
    found = asked.twin.bridges.book.versions(asset, kind, key, part=part)
    rows = [documents.record_document(stored, language=asked.language) for stored in found]
    return documents.listed(rows, "versions")


def _inspections(asked: Asked, asset: str) -> object:
    asked.known()
    view = read_bridge(asked.twin, asset)
    shown = ("inspection", "damage", "recommendation", "restriction", "recalculation")
    found: dict[str, object] = {
        f"{kind}s": [
            documents.record_document(stored, language=asked.language)
            for stored in view.records
            if stored.record.kind == kind
        ]
        for kind in shown
    }
    day = view.at.date()
    due = [
        documents.due_document(one, part=part, day=day, language=asked.language)
        for part, one in view.due
    ]
    return {**found, "due": due}


def _timeline(asked: Asked, asset: str) -> object:
    asked.known()
    asked.twin.asset(asset)
    found = timeline(asked.twin.bridges.book.records(asset))
    rows = [documents.timeline_document(entry, language=asked.language) for entry in found]
    return documents.listed(rows, "timeline")


def _events(asked: Asked, asset: str) -> object:
    asked.known("kind", "start", "end", "limit")
    asked.twin.asset(asset)
    kind = asked.choice("kind", get_args(EventKind))
    end = asked.time("end", asked.twin.now())
    found = asked.twin.bridges.events(
        asset,
        next((one for one in get_args(EventKind) if one == kind), None),
        start=asked.time("start", end - timedelta(days=EVENT_DAYS)),
        end=end,
        limit=asked.limit(),
    )
    return documents.listed([documents.event_document(event) for event in found], "events")


def _models(asked: Asked, asset: str) -> object:
    asked.known()
    asked.twin.asset(asset)
    found = asked.twin.bridges.models(asset)
    checks = read_checks(asked.twin, asset)
    rows = [
        {
            **documents.model_document(model),
            "validity": documents.validity_document(model.name, checks, language=asked.language),
        }
        for model in found
    ]
    return documents.listed(rows, "models")


def _structure(asked: Asked, asset: str) -> object:
    asked.known()
    view = read_bridge(asked.twin, asset)
    parts = structure_documents(view.structure, language=asked.language)
    names = [f"structure.{state.part}" if state.part else "structure" for state in view.structure]
    rows = [
        {
            **part,
            "validity": documents.validity_document(name, view.checks, language=asked.language),
        }
        for part, name in zip(parts, names, strict=True)
    ]
    return documents.listed(rows, "parts")


def _attachments(asked: Asked, asset: str) -> object:
    asked.known()
    asked.twin.asset(asset)
    found = asked.twin.bridges.book.attachments(asset)
    return documents.listed([documents.attachment_document(one) for one in found], "attachments")


def _file(asked: Asked, sha256: str) -> object:
    content = asked.twin.bridges.book.attached(sha256)
    if content is None:
        raise RegistryError(f"no attachment has the SHA-256 {sha256[:64]!r}")
    kinds = {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG": "image/png",
        b"%PDF": "application/pdf",
    }
    media_type = next((kind for head, kind in kinds.items() if content.startswith(head)), None)
    headers = {"Content-Disposition": "inline" if media_type in SHOWN_FILES else "attachment"}
    return Response(content, media_type=media_type or "application/octet-stream", headers=headers)


def _findings(asked: Asked) -> object:
    asked.known("asset", "open", "limit")
    only_open = asked.choice("open", ("yes", "no")) != "no"
    asset = asked.parameters.get("asset")
    if asset is not None:
        asked.twin.asset(asset)
    found = asked.twin.bridges.findings(asset, only_open=only_open, limit=asked.limit())
    rows = [documents.finding_document(stored, language=asked.language) for stored in found]
    return documents.listed(rows, "findings")


def _finding(asked: Asked, number: str) -> object:
    asked.known()
    stored = asked.twin.bridges.finding(_number(number))
    return documents.finding_document(stored, language=asked.language)


def _moved(asked: Asked, number: str, stage: str) -> object:
    asked.known()
    given = _body(asked.body)
    reason = given.get("reason", "")
    if "verdict" in given:
        if stage != "judged":
            raise FieldError("verdict", "belongs to the judgement of a finding")
        reason = judged_reason(given["verdict"], reason)
    stored = asked.twin.bridges.move_finding(
        _number(number),
        stage,
        person=given.get("person", ""),
        reason=reason,
        at=asked.twin.now(),
    )
    return documents.finding_document(stored, language=asked.language)


def _body(body: bytes) -> Mapping[str, str]:
    """Texts ``person``, ``reason`` and ``verdict`` of a request."""
    if len(body) > LARGEST_BODY:
        raise FieldError("body", f"has at most {LARGEST_BODY} bytes")
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise FieldError("body", "must be JSON") from None
    if not isinstance(given, dict):
        raise FieldError("body", 'must be an object such as {"person": ..., "reason": ...}')
    for name, value in given.items():
        if name not in ("person", "reason", "verdict") or not isinstance(value, str):
            raise FieldError(str(name), "only the texts person, reason and verdict are known")
    return given


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise FieldError("number", f"must be the number of a finding, got {text[:40]!r}")
    return int(text)


def _work_list(asked: Asked) -> object:
    asked.known("asset", "open", "limit")
    only_open = asked.choice("open", ("yes", "no")) != "no"
    found = asked.twin.bridges.book.work_list(
        asset_id=asked.parameters.get("asset"), only_open=only_open, limit=asked.limit()
    )
    rows = [documents.work_document(stored, language=asked.language) for stored in found]
    return documents.listed(rows, "work")


def _keys(asked: Asked) -> object:
    asked.known()
    return documents.tables_document(asked.language)


def _table(asked: Asked, name: str) -> object:
    kind = next((kind for kind, stem in FILE_NAMES.items() if stem == name), None)
    if kind is None:
        raise RegistryError(f"no list {name[:40]!r}; there are {', '.join(FILE_NAMES.values())}")
    asked.known()
    records = [stored.record for stored in asked.twin.bridges.book.records(kind=kind)]
    text = write_tables(records, numbers=_numbers(asked.twin)).get(f"{name}.csv", "")
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _numbers(twin: Twin) -> Mapping[str, str]:
    """Bauwerksnummer by asset."""
    book = twin.bridges.book
    found = [*book.records(kind="part_structure"), *book.records(kind="structure")]
    return {
        stored.record.asset_id: str(getattr(stored.record.content, "number", ""))
        for stored in found
    }


_ROUTES: Mapping[str, tuple[str, str, Work]] = {
    "bridges": ("", "state.read", list_bridges),
    "bridge_findings": ("/findings", "damage.read", _findings),
    "bridge_work": ("/work", "damage.read", _work_list),
    "bridge_keys": ("/keys", "state.read", _keys),
}
_OF_ONE: Mapping[str, tuple[str, str, Callable[[Asked, str], object]]] = {
    "bridge_finding": ("/findings/{subject}", "damage.read", _finding),
    "bridge": ("/{subject}", "state.read", _facts),
    "bridge_inventory": ("/{subject}/inventory", "damage.read", _inventory),
    "bridge_versions": ("/{subject}/versions", "damage.read", _versions),
    "bridge_inspections": ("/{subject}/inspections", "damage.read", _inspections),
    "bridge_timeline": ("/{subject}/timeline", "damage.read", _timeline),
    "bridge_events": ("/{subject}/events", "state.read", _events),
    "bridge_models": ("/{subject}/models", "state.read", _models),
    "bridge_structure": ("/{subject}/structure", "damage.read", _structure),
    "bridge_attachments": ("/{subject}/attachments", "damage.read", _attachments),
}
_MOVES: Mapping[str, str] = {
    "seen": "alarm.acknowledge",
    "judged": "alarm.judge",
    "closed": "alarm.judge",
}
