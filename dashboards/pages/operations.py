"""Operations: what arrives, what is kept, what is refused and why; which jobs live."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts, catalogue
from dashboards.live.hub import Lag
from dashboards.pages.frame import PULSE_MS, PageRequest
from dashboards.pages.requests import read_request
from dashboards.view import CityView
from dashboards.widgets.alarms import alarm_section
from dashboards.widgets.gaps import gap_section
from dashboards.widgets.parts import definition, empty, plain_table
from dashboards.widgets.tree import Tree
from dashboards.widgets.work_list import MOST_READ, work_section
from twin.city import Health
from twin.errors import StoreUnavailableError
from twin.model.alarms import Alarm
from twin.model.gaps import Gap
from twin.model.jobs import LEFT, JobStatus
from twin.model.observations import BalanceRow, QuarantineEntry
from twin.model.records import StoredWorkItem
from twin.model.tables import rows

TITLE = "operations.title"
PERMISSION = "state.read"
SILENT_S = 30.0
"""A job that has not reported for longer than this is said to be silent."""
MOST_ENTRIES = 50
GAP_DAYS = 7


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything that the page shows, read at one time."""

    at: datetime
    health: Health
    alarms: Sequence[Alarm]
    gaps: Sequence[Gap]
    balance: Sequence[BalanceRow]
    counts: Mapping[tuple[str, str], int]
    quarantine: Sequence[QuarantineEntry]
    lag: Lag | None
    clients: int
    work: Sequence[StoredWorkItem] = ()


def read_operations(view: CityView) -> Operations | None:
    """Figures of the present; None while the database cannot be reached."""
    try:
        now = view.twin.now()
        return Operations(
            at=now,
            health=view.twin.health(),
            alarms=view.twin.alarms(only_open=False, limit=MOST_ENTRIES),
            gaps=view.twin.gaps(
                only_open=False, since=now - timedelta(days=GAP_DAYS), limit=MOST_ENTRIES
            ),
            balance=view.twin.balance(),
            counts=view.twin.quarantine_counts(),
            quarantine=view.twin.quarantine(limit=MOST_ENTRIES),
            lag=view.hub.lag(),
            clients=view.hub.clients,
            work=view.twin.bridges.book.work_list(limit=MOST_READ),
        )
    except StoreUnavailableError:
        return None


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    texts = request.texts
    return [
        html.H1(texts(TITLE)),
        dcc.Interval(id="operations-pulse", interval=PULSE_MS),
        Tree(
            id="operations",
            tree=content(read_operations(view), view, texts),
            looks={"className": "page"},
        ),
    ]


def register(app: Dash, view: CityView) -> None:
    """Callbacks of the page."""

    @app.callback(
        Output("operations", "tree"),
        Input("operations-pulse", "n_intervals"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def operations_pulse(_beats: int, address: str | None) -> list[Component]:
        request = read_request(view, "/operations", address)
        found = await asyncio.to_thread(read_operations, view)
        return content(found, view, request.texts)


def content(found: Operations | None, view: CityView, texts: Texts) -> list[Component]:
    """All sections, or the message that the database is away."""
    if found is None:
        return [html.P(texts("state.database_away"), className="banner")]
    return [
        html.P(
            texts("operations.as_of", time=texts.time(found.at, has_date=True)), className="note"
        ),
        *_state(found, texts),
        *alarm_section(found.alarms, texts),
        *_sources(found, texts),
        *gap_section(found.gaps, texts),
        *_jobs(found, texts),
        *_quarantine(found, texts),
        *work_section(found.work, texts),
        *_plugins(view, texts),
    ]


def _state(found: Operations, texts: Texts) -> list[Component]:
    lag = found.lag
    pairs = {
        texts("operations.store"): found.health.store
        if found.health.is_store_available
        else texts("state.database_away"),
        texts("operations.newest"): texts.duration(found.health.newest_data_age_s),
        texts("operations.lag"): texts("operations.no_lag")
        if lag is None
        else texts(
            "operations.lag_value",
            p50=texts.with_unit(lag.p50_s, "s", 1),
            p95=texts.with_unit(lag.p95_s, "s", 1),
            n=texts.number(lag.readings),
        ),
        texts("operations.clients"): texts.number(found.clients),
    }
    return [html.H2(texts("operations.state")), definition(pairs)]


FATES = ("received", "stored", "duplicate", "quarantined", "declared_lost")
ASIDE = ("ignored", "missing", "unassigned")


def _sources(found: Operations, texts: Texts) -> list[Component]:
    heading = html.H2(texts("operations.sources"))
    if not found.balance:
        return [heading, empty(texts("operations.no_sources"))]
    head = [texts("operations.source"), texts("operations.day")]
    head += [texts(f"balance.{key}") for key in (*FATES, *ASIDE)]
    head.append(texts("operations.check"))
    body = [
        [
            row.source,
            f"{row.day:%Y-%m-%d}",
            *[texts.number(getattr(row, key)) for key in (*FATES, *ASIDE)],
            _check(row, texts),
        ]
        for row in found.balance
    ]
    caption = texts("operations.sources_caption")
    numbers = range(2, 2 + len(FATES) + len(ASIDE))
    return [
        heading,
        plain_table(caption, head, body, numbers=list(numbers), identity="sources"),
        html.P(texts("operations.balance_rule"), className="note"),
    ]


def _check(row: BalanceRow, texts: Texts) -> html.Span:
    accounted = row.stored + row.duplicate + row.quarantined + row.declared_lost
    open_readings = row.received - accounted
    if open_readings == 0:
        return html.Span(texts("operations.balanced"), className="good")
    return html.Span(texts("operations.open", n=texts.number(open_readings)), className="bad")


def _jobs(found: Operations, texts: Texts) -> list[Component]:
    heading = html.H2(texts("operations.jobs"))
    if not found.health.jobs:
        return [heading, empty(texts("operations.no_jobs"))]
    head = [
        texts(f"job.{key}")
        for key in ("name", "instance", "state", "since", "heartbeat", "figures")
    ]
    body = [_job(job, found.at, texts) for job in found.health.jobs]
    return [heading, plain_table(texts("operations.jobs"), head, body, identity="jobs")]


def _job(job: JobStatus, at: datetime, texts: Texts) -> list[Component | str]:
    age_s = (at - job.heartbeat_at).total_seconds()
    is_silent = age_s > SILENT_S and job.state != LEFT
    state = texts("job.silent") if is_silent else _state_word(job.state, texts)
    figures = [
        html.Li(f"{_figure_name(name, texts)}: {texts.number(value, 1 if value % 1 else 0)}")
        for name, value in job.figures.items()
    ]
    return [
        job.job,
        job.instance,
        html.Span(state, className="bad" if is_silent else "good"),
        texts.time(job.started_at, has_date=True),
        texts("job.ago", age=texts.duration(age_s)),
        html.Ul(figures, className="figures"),
    ]


def _state_word(state: str, texts: Texts) -> str:
    key = f"job_state.{state.replace(' ', '_')}"
    return texts(key) if key in catalogue(texts.language) else state


def _figure_name(name: str, texts: Texts) -> str:
    key = f"figure.{name}"
    return texts(key) if key in catalogue(texts.language) else name.replace("_", " ")


def _quarantine(found: Operations, texts: Texts) -> list[Component]:
    heading = html.H2(texts("operations.quarantine"))
    if not found.counts and not found.quarantine:
        return [heading, empty(texts("operations.no_quarantine"))]
    words = _reasons(texts)
    counts = [
        [source, words.get(reason, reason), texts.number(count)]
        for (source, reason), count in sorted(found.counts.items())
    ]
    count_head = [texts("operations.source"), texts("quarantine.reason"), texts("quarantine.seen")]
    head = [
        texts(f"quarantine.{key}")
        for key in ("topic", "reason", "detail", "seen", "first", "last", "size")
    ]
    return [
        heading,
        plain_table(
            texts("quarantine.by_reason"), count_head, counts, numbers=[2], identity="reasons"
        ),
        plain_table(
            texts("quarantine.newest", n=texts.number(len(found.quarantine))),
            head,
            [_entry(entry, words, texts) for entry in found.quarantine],
            numbers=[3, 6],
            identity="quarantine",
        ),
    ]


def _entry(entry: QuarantineEntry, words: Mapping[str, str], texts: Texts) -> list[Component | str]:
    return [
        html.Code(entry.topic or entry.source),
        words.get(entry.reason, entry.reason),
        entry.detail,
        texts.number(entry.seen),
        texts.time(entry.first_seen, has_date=True),
        texts.time(entry.last_seen, has_date=True),
        texts.with_unit(entry.size_bytes, "B"),
    ]


def _reasons(texts: Texts) -> dict[str, str]:
    language = "german" if texts.language == "de" else "english"
    return {row["key"]: row[language] for row in rows("rejection_reasons")}


def _plugins(view: CityView, texts: Texts) -> list[Component]:
    """Plugins of the web server that did not load; nothing if all did."""
    if not view.broken:
        return []
    items = [html.Li(f"{item.group} {item.name}: {item.reason}") for item in view.broken]
    return [html.H2(texts("operations.broken")), html.Ul(items)]
