"""Start of a run with its estimated time, and the card of the run; pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.scenario_controls import Control, act, problem_line
from dashboards.widgets.scenario_problems import Problem
from twin.model.scenarios import Run

ENGINE = "measures"
BAND_MEMBERS = 50
OVER = ("done", "failed", "cancelled")
MOST_PAST = 5
"""Answered runs from which the time of the next one is told."""
STEP = 25
"""Percent between two announcements of the progress."""


@dataclass(frozen=True, slots=True)
class Past:
    """Time that answered runs of a base took [s], and how many they were."""

    seconds: float
    runs: int


def members_of(run: Run) -> int:
    """Members of the ensemble of a run; 0 for the plain answer."""
    try:
        found = json.loads(run.options).get("members", 0) if run.options else 0
    except (ValueError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0


def past_of(runs: Sequence[Run], base: str, members: int, *, engine: str = ENGINE) -> Past | None:
    """Median time from question to answer of the newest runs of a base; None without any."""
    found = [
        (run.ended_at - run.submitted_at).total_seconds()
        for run in runs
        if run.engine == engine
        and run.status == "done"
        and run.base == base
        and run.ended_at is not None
        and members_of(run) == members
    ][:MOST_PAST]
    return Past(median(found), len(found)) if found else None


def start(
    problems: Sequence[Problem],
    pasts: Sequence[Past | None],
    *,
    is_possible: bool,
    texts: Texts,
) -> list[Component]:
    """Buttons of both computations with their estimated time, and what stands against them."""
    general = [one for one in problems if one.number == 0 and one.field not in ("name", "at")]
    lines = [problem_line(one) for one in general]
    in_list = len({one.number for one in problems if one.number})
    if in_list:
        lines.append(html.P(texts("scenario.in_list", n=in_list), className="problem"))
    rows = [
        html.Div(
            [
                act(
                    texts(f"scenario.run_{key}"),
                    "run",
                    members,
                    id=f"run-{key}",
                    is_possible=is_possible,
                    className="primary",
                    **{"aria-describedby": f"run-{key}-note"},
                ),
                html.P(
                    [texts(f"scenario.run_{key}_note", n=BAND_MEMBERS), " ", _time(past, texts)],
                    id=f"run-{key}-note",
                    className="note",
                ),
            ],
            className="run-choice",
        )
        for key, members, past in zip(("plain", "bands"), (0, BAND_MEMBERS), pasts, strict=True)
    ]
    return [html.Div(lines, id="problem-run"), *rows]


def _time(past: Past | None, texts: Texts) -> str:
    if past is None:
        return texts("scenario.no_time")
    seconds = past.seconds
    shown = texts.duration(max(seconds, 1.0))
    return texts("scenario.time_of", time=shown, n=past.runs)


def job_card(run: Run | None, now: datetime, texts: Texts) -> list[Component]:
    """State, progress, elapsed time, reason and result of a run; nothing without one."""
    if run is None:
        return []
    percent = round(100 * min(1.0, max(0.0, run.progress)))
    end = run.ended_at or now
    elapsed = texts.duration((end - run.submitted_at).total_seconds())
    bands = texts("scenario_job.bands" if members_of(run) else "scenario_job.plain")
    parts: list[Component] = [
        html.H3(texts("scenario_job.title", n=run.id), id="job-title", tabIndex=-1),
        html.P([html.Strong(texts(f"run_status.{run.status}")), f" \u00b7 {bands}"]),
    ]
    if run.status in ("queued", "running"):
        bar = Control(
            "progress", max=100, value=percent, **{"aria-label": texts("scenario_job.progress")}
        )
        line = texts("scenario_job.elapsed", percent=percent, time=elapsed)
        parts += [bar, html.P(line, className="note")]
        if run.status == "queued":
            parts.append(html.P(texts("scenario_job.waits"), className="note"))
        parts.append(act(texts("scenario_job.cancel"), "cancel", run.id, id="job-cancel"))
        return [html.Div(parts, className="job")]
    parts.append(html.P(texts("scenario_job.took", time=elapsed), className="note"))
    if run.status == "failed":
        parts += _failure(run.message, texts)
    if run.status == "done":
        query = urlencode({"lang": texts.language, "run": run.id})
        parts.append(html.A(texts("scenario_job.result"), href=f"/result?{query}", id="job-result"))
    return [html.Div(parts, className="job")]


_REASONS = (
    ("memory", r"memory"),
    ("time", r"time limit|time_limit|longer than"),
    ("version", r"was solved by|installed"),
    ("base", r"traffic base|no base"),
    ("workers", r"worker"),
)


def _failure(message: str, texts: Texts) -> list[Component]:
    """Reason in words of the reader as far as it is a known one, and the words of the engine."""
    key = next((key for key, pattern in _REASONS if re.search(pattern, message)), "other")
    return [
        html.P(texts(f"scenario_failed.{key}"), className="problem"),
        html.P([texts("scenario_job.said"), " ", html.Q(message[:500], lang="en")]),
    ]


def announcement(run: Run | None, texts: Texts) -> str:
    """What a screen reader is told: a new state, and every quarter of the way."""
    if run is None:
        return ""
    state = texts(f"run_status.{run.status}")
    said = texts("scenario_job.said_state", n=run.id, state=state)
    if run.status == "running":
        percent = STEP * int(100 * run.progress // STEP)
        return f"{said} {texts('scenario_job.said_percent', percent=percent)}" if percent else said
    return said
