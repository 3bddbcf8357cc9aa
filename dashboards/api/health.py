"""``/healthz`` for supervisors and ``/metrics`` for Prometheus."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from dashboards.view import CityView, view_of
from twin.city import Health, Twin
from twin.errors import StoreUnavailableError
from twin.model.observations import BalanceRow
from twin.plugins import RouterOffer
from twin.settings import Settings

Sample = tuple[Mapping[str, str], float]
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
BALANCE_FIELDS = (
    "received",
    "stored",
    "duplicate",
    "quarantined",
    "declared_lost",
    "ignored",
    "missing",
    "unassigned",
)


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of health and metrics."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/healthz", healthz, name="healthz")
    router.add_api_route("/metrics", metrics, name="metrics")
    return RouterOffer("", router, {"healthz": "public.read", "metrics": "state.read"})


async def healthz(request: Request) -> Response:
    """Whether the server and its database answer; no details."""
    view = view_of(request)
    if view.now.is_away:
        return PlainTextResponse("database away", status_code=503)
    return PlainTextResponse("ok")


async def metrics(request: Request) -> Response:
    """All figures in the text format of Prometheus."""
    view = view_of(request)
    try:
        health = await asyncio.to_thread(view.twin.health)
        balance = await asyncio.to_thread(view.twin.balance)
        reasons = await asyncio.to_thread(view.twin.quarantine_counts)
    except StoreUnavailableError:
        health = Health(is_store_available=False, store="", jobs=(), newest_data_age_s=None)
        balance, reasons = (), {}
    lines = [*_stored(health, balance, reasons, now=view.twin.now().timestamp()), *_served(view)]
    return Response("\n".join(lines) + "\n", media_type=TEXT_FORMAT)


def metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> list[str]:
    """Lines of one metric.

    Examples
    --------
    >>> metric("twin_up", "gauge", "Whether it runs.", [({"job": "serve"}, 1.0)])[-1]
    'twin_up{job="serve"} 1.0'
    """
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}")
    return lines


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _stored(
    health: Health,
    balance: Sequence[BalanceRow],
    reasons: Mapping[tuple[str, str], int],
    *,
    now: float,
) -> Iterable[str]:
    yield from metric(
        "twin_store_up", "gauge", "Whether the database answers.",
        [({}, float(health.is_store_available))],
    )  # fmt: skip
    if health.newest_data_age_s is not None:
        yield from metric(
            "twin_newest_data_age_seconds", "gauge", "Age of the newest reading.",
            [({}, health.newest_data_age_s)],
        )  # fmt: skip
    yield from metric(
        "twin_ingest_today", "gauge", "Readings of the present UTC day by source and fate.",
        [
            ({"source": row.source, "fate": field}, float(getattr(row, field)))
            for row in balance for field in BALANCE_FIELDS
        ],
    )  # fmt: skip
    yield from metric(
        "twin_quarantine_seen_total", "counter", "Rejections by source and reason.",
        [({"source": s, "reason": r}, float(count)) for (s, r), count in reasons.items()],
    )  # fmt: skip
    names = [({"job": job.job, "instance": job.instance}, job) for job in health.jobs]
    yield from metric(
        "twin_job_heartbeat_age_seconds", "gauge", "Time since the last heartbeat.",
        [(labels, now - job.heartbeat_at.timestamp()) for labels, job in names],
    )  # fmt: skip
    yield from metric(
        "twin_job_figure", "gauge", "Figures that jobs report about themselves.",
        [
            ({**labels, "figure": name}, float(value))
            for labels, job in names for name, value in job.figures.items()
        ],
    )  # fmt: skip


def _served(view: CityView) -> Iterable[str]:
    lag = view.hub.lag()
    if lag is not None:
        yield from metric(
            "twin_visibility_lag_seconds", "gauge",
            "Time from phenomenon to visibility over the last five minutes.",
            [({"quantile": "0.5"}, lag.p50_s), ({"quantile": "0.95"}, lag.p95_s)],
        )  # fmt: skip
    yield from metric(
        "twin_live_clients", "gauge", "Browsers on the live socket.",
        [({}, float(view.hub.clients))],
    )  # fmt: skip
    yield from metric(
        "twin_live_ticks_total", "counter", "Ticks in which a channel changed.",
        [({}, float(view.hub.frames_encoded))],
    )  # fmt: skip
