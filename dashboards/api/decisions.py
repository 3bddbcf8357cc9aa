"""Decisions on measures over HTTP, and the feed of what is published, below ``/api/measures``.

Releasing needs a key in ``Authorization: Bearer KEY``. Keys are given on the command line only.
"""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api import whatif
from dashboards.api.decision_bodies import (
    decision_document,
    read_body,
    read_order,
    read_restriction,
)
from dashboards.api.series import FieldError
from dashboards.view import CityView
from twin.errors import DecisionChangedError, DecisionError, ReleaseError
from twin.model.decisions import Decision
from twin.model.order_words import signs_for
from twin.publishing import beside, preview, publish, snapshot

XML = "application/xml"
MOST_DIGITS = 10
STEP = {"version": int, "person": str, "reason": str}
ORDER = STEP | {"asset": str, "part": str, "run": int, "draft": bool, "restriction": dict}
UPDATE = {"version": int, "reason": str, "restriction": dict}
Work = Callable[[CityView], tuple[int, object] | Response]


def add_routes(router: APIRouter) -> dict[str, str]:
    """Add the routes of the decisions to those of the measures; their permissions by name."""
    reading = {
        "decisions": ("/decisions", list_decisions),
        "decision": ("/decisions/{number}", show_decision),
        "decision_message": ("/decisions/{number}/message.xml", show_message),
        "situations": ("/situations.xml", feed),
    }
    editing = {
        "decision_begin": ("/decisions", begin_decision),
        "decision_confirm": ("/decisions/{number}/confirm", confirm_decision),
    }
    releasing = {
        "decision_publish": ("/decisions/{number}/publish", publish_decision),
        "decision_update": ("/decisions/{number}/update", update_decision),
        "decision_withdraw": ("/decisions/{number}/withdraw", withdraw_decision),
    }
    for name, (path, route) in reading.items():
        router.add_api_route(path, route, name=name)
    for name, (path, route) in (editing | releasing).items():
        router.add_api_route(path, route, methods=["POST"], name=name)
    permissions = dict.fromkeys(reading, "state.read")
    permissions |= dict.fromkeys(editing, "measure.edit")
    return permissions | dict.fromkeys(releasing, "measure.release")


async def list_decisions(request: Request) -> Response:
    """Decisions, the newest first; ``run``: those that rest on this run."""
    asked = dict(request.query_params)
    return await _answered(request, lambda view: _listed(view, asked))


async def show_decision(number: str, request: Request) -> Response:
    """One decision with its steps and the draft of its order."""
    return await _answered(
        request, lambda view: _told(view, view.twin.decisions.decision(_id(number)))
    )


async def show_message(number: str, request: Request) -> Response:
    """DATEX II message of a decision as it would go out now, marked as a test."""
    return await _answered(
        request,
        lambda view: Response(preview(view.twin, view.settings, _id(number))[0], media_type=XML),
    )


async def feed(request: Request) -> Response:
    """Everything that is published now as one DATEX II v3 SituationPublication."""
    return await _answered(
        request, lambda view: Response(snapshot(view.twin, view.settings), media_type=XML)
    )


async def begin_decision(request: Request) -> Response:
    """Decide a restriction, or keep it as a draft: 201 with the decision."""
    text = whatif.text_of(await request.body())
    return await _answered(request, lambda view: _begun(view, text))


async def confirm_decision(number: str, request: Request) -> Response:
    """Decide a draft."""
    text = whatif.text_of(await request.body())
    return await _answered(request, lambda view: _confirmed(view, _id(number), text))


async def publish_decision(number: str, request: Request) -> Response:
    """Release a decision; needs a release key."""
    text, key = whatif.text_of(await request.body()), _key(request)
    return await _answered(
        request, lambda view: _published(view, _id(number), text, key, _caller(request))
    )


async def update_decision(number: str, request: Request) -> Response:
    """Release a change of a published decision; needs a release key."""
    text, key = whatif.text_of(await request.body()), _key(request)
    return await _answered(
        request, lambda view: _updated(view, _id(number), text, key, _caller(request))
    )


async def withdraw_decision(number: str, request: Request) -> Response:
    """End a decision; one that was published needs a release key."""
    text, key = whatif.text_of(await request.body()), _key(request)
    return await _answered(
        request, lambda view: _withdrawn(view, _id(number), text, key, _caller(request))
    )


async def _answered(request: Request, work: Work) -> Response:
    """Answer of a route; what is wrong with a decision is said in full, as are missing rights."""

    def done(view: CityView) -> tuple[int, object] | Response:
        try:
            return work(view)
        except ReleaseError as error:
            status = HTTPStatus.TOO_MANY_REQUESTS if error.is_locked_out else HTTPStatus.FORBIDDEN
            return status, {"error": str(error)}
        except DecisionChangedError as error:
            return HTTPStatus.CONFLICT, {"error": str(error)}
        except DecisionError as error:
            content = {"error": "the decision is not sound", "problems": list(error.problems)}
            return HTTPStatus.UNPROCESSABLE_ENTITY, content

    return await whatif.answered(request, done)


def _listed(view: CityView, asked: dict[str, str]) -> tuple[int, object]:
    unknown = next((name for name in asked if name != "run"), None)
    if unknown is not None:
        raise FieldError(unknown[:40], "unknown; use run")
    run = _id(asked["run"], field="run") if "run" in asked else None
    found = view.twin.decisions.decisions(run_id=run)
    return 200, {"decisions": [_told(view, decision)[1] for decision in found]}


def _begun(view: CityView, text: str) -> Response:
    body = read_body(text, known=ORDER)
    order = read_order(view.twin, body)
    begun = view.twin.decisions.decide(
        order, person=str(body.get("person", "")), is_draft=body.get("draft") is True
    )
    headers = {"Location": f"/api/measures/decisions/{begun.id}"}
    document = _told(view, begun)[1]
    return JSONResponse(document, status_code=201, headers=headers)


def _confirmed(view: CityView, number: int, text: str) -> tuple[int, object]:
    body = read_body(text, known=STEP)
    return _told(
        view,
        view.twin.decisions.confirm(
            number,
            expected_version=_version(body),
            person=str(body.get("person", "")),
            reason=str(body.get("reason", "")),
        ),
    )


def _published(view: CityView, number: int, text: str, key: str, caller: str) -> tuple[int, object]:
    body = read_body(text, known=STEP)
    return _told(
        view,
        publish(
            view.twin,
            view.settings,
            number,
            expected_version=_version(body),
            key=key,
            reason=str(body.get("reason", "")),
            caller=caller,
        ),
    )


def _updated(view: CityView, number: int, text: str, key: str, caller: str) -> tuple[int, object]:
    body = read_body(text, known=UPDATE)
    limit = body.get("restriction")
    changed = read_restriction(limit if isinstance(limit, dict) else {})
    changed = changed if changed.signs else replace(changed, signs=signs_for(changed))
    known = view.twin.decisions.decision(number).order
    return _told(
        view,
        publish(
            view.twin,
            view.settings,
            number,
            expected_version=_version(body),
            key=key,
            reason=str(body.get("reason", "")),
            caller=caller,
            order=replace(known, restriction=changed),
        ),
    )


def _withdrawn(view: CityView, number: int, text: str, key: str, caller: str) -> tuple[int, object]:
    body = read_body(text, known=STEP)
    return _told(
        view,
        view.twin.decisions.withdraw(
            number,
            expected_version=_version(body),
            key=key,
            person=str(body.get("person", "")),
            reason=str(body.get("reason", "")),
            caller=caller,
        ),
    )


def _told(view: CityView, decision: Decision) -> tuple[int, object]:
    found = beside(view.twin, decision.order)
    return 200, decision_document(decision, beside=found)


def _version(body: dict[str, object]) -> int:
    version = body.get("version")
    if not isinstance(version, int):
        raise DecisionError("version: state the version that you have read")
    return version


def _id(text: str, *, field: str = "number") -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise FieldError(field, f"must be a number, got {text[:40]!r}")
    return int(text)


def _key(request: Request) -> str:
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def _caller(request: Request) -> str:
    return "http" if request.client is None else f"http {request.client.host}"
