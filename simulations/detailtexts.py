"""Detailed checks as text, in German or English: seeds and range beside the equilibrium."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from simulations.wording import Words, listed
from twin.model.detail import DetailResult, SpillbackResult, Spread, spread

SHOWN_LINKS = 20


def table(found: DetailResult, names: Mapping[int, str], *, language: str = "en") -> str:
    """The streets with the longest queues, where the vehicles ended, and what to review."""
    words = Words(language)
    flow, speed = spread(found.flow_vehh), spread(found.speed_kmh)
    queue = spread(found.longest_queue_veh)
    lines = [
        words(
            "detail_head",
            version=found.versions["sumo"],
            step=words.number(found.step_length_s, digits=1),
            seeds=", ".join(map(str, found.seeds)),
        ),
        (
            f"{words('street'):40}{words('equilibrium'):>20}{words('simulated_flow'):>26}"
            f"{'km/h':>18}{words('longest_queue'):>20}"
        ),
    ]
    for row in np.argsort(-queue.mean, kind="stable")[:SHOWN_LINKS].tolist():
        link = int(found.link_id[row])
        static = words(
            "flow_at_speed",
            flow=words.number(found.static_flow_vehh[row]),
            speed=_speed(found.static_speed_kmh[row], words),
        )
        cells = f"{_cell(flow, row, words):>26}{_cell(speed, row, words):>18}"
        lines.append(
            f"{names.get(link, str(link))[:39]:40}{static:>20}{cells}{_cell(queue, row, words):>20}"
        )
    return "\n".join((*lines, *_ends(found, words), *_said(found, words)))


def _ends(found: DetailResult, words: Words) -> Iterable[str]:
    for run in found.runs:
        counts = {
            name: words.number(getattr(run, name))
            for name in ("vehicles", "arrived", "stranded", "waiting", "driving", "teleports")
        }
        yield words("detail_seed", seed=str(run.seed), loss=words.number(run.time_loss_s), **counts)
    kinds = sorted({item.kind for item in found.review})
    counted = [
        f"{sum(item.kind == kind for item in found.review)} {words('review_' + kind)}"
        for kind in kinds
    ]
    yield words("to_review", kinds=", ".join(counted) or words("nothing"))


def _said(found: DetailResult | SpillbackResult, words: Words) -> Iterable[str]:
    yield from listed(words("warnings"), found.warnings, words)
    yield from listed(words("assumptions"), found.assumptions, words)


def _speed(value: float, words: Words) -> str:
    return words.number(value) if math.isfinite(value) else "-"


def _cell(values: Spread, row: int, words: Words) -> str:
    if math.isnan(values.mean[row]):
        return words("none")
    return words(
        "mean_and_range",
        mean=words.number(values.mean[row]),
        low=words.number(values.low[row]),
        high=words.number(values.high[row]),
    )


def spillback_table(
    found: SpillbackResult, names: Mapping[int, str], *, language: str = "en"
) -> str:
    """The streets that a queue covers with every platoon size, the longest time first."""
    words = Words(language)
    least = found.full_s.min(axis=0)
    full = np.flatnonzero(found.spills_back())
    join = f" {words('and')} "
    lines = [
        words(
            "spillback_head",
            version=found.versions["uxsim"],
            sizes=join.join(map(str, found.platoons)),
            seed=str(found.seed),
        ),
        words(
            "spillback_count",
            full=words.number(full.size),
            links=words.number(len(found.link_id)),
        ),
    ]
    for row in full[np.argsort(-least[full], kind="stable")][:SHOWN_LINKS].tolist():
        link = int(found.link_id[row])
        queues = join.join(words.number(each) for each in found.longest_queue_veh[:, row])
        lines.append(f"{names.get(link, str(link)):40}{words('spillback_queue', queues=queues)}")
    lines.append(words("spillback_spread", share=words.share(found.platoon_spread)))
    return "\n".join((*lines, *_said(found, words)))
