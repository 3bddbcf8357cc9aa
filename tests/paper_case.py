"""The source of a decision paper, from the real pipeline on the town of `measures_case`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from measures_case import solved, town_base

from dashboards.reports.build import Source
from dashboards.reports.gathering import network_map

ENDED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@cache
def _answered() -> tuple[str, Any]:
    one = solved(members=5)
    return json.dumps(one.document), one.links


def paper_source(change: Callable[[dict[str, Any]], None] | None = None) -> Source:
    """Source of the paper of B1 closed; ``change`` may edit its document first."""
    text, links = _answered()
    document: dict[str, Any] = json.loads(text)
    if change is not None:
        change(document)
    return Source(
        document=document,
        map=network_map(links, town_base().network, document=document),
        city="Musterstadt",
        number=7,
        ended_at=ENDED,
        input_hash="1" * 64,
        addresses={"result": "http://127.0.0.1:8050/result?run=7", "document": "http://x/7"},
        product="stadtzwilling 0",
    )


def many_bridges(count: int) -> Callable[[dict[str, Any]], None]:
    """A change of the document to so many bridges."""

    def change(document: dict[str, Any]) -> None:
        first: Mapping[str, Any] = document["bridges"][0]
        document["bridges"] = [
            {**first, "asset": f"B{number}", "name": f"Brücke {number}"} for number in range(count)
        ]

    return change


def without_map(source: Source) -> Source:
    """The source of a run without columns per link."""
    return replace(source, map=None)
