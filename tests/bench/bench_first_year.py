"""Watching frequencies in the first year as the product does it: look by look through the store.

``scripts/bench first_year``; ``--worlds 3`` for a shorter run. Every made-up bridge (seeds from
2000 on) is heard hour by hour by a city in memory; the analyses look once a day, train their first
model by themselves and learn on. A quarter of it is the experiment of the specification
(section 9), which trains once on 200 days; here the bars are those of that experiment.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bridge_city import BRIDGE_ID, HOUR_US, Stepped

from sensors.simulator.bridge_world.hourly import play
from sensors.simulator.bridge_world.truth import draw, loss
from simulations.bridges import frequencies
from simulations.bridges.rounds import Rounds
from twin.model.times import from_us, to_us

FIRST_SEED = 2000
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
HEARD_D = 80
"""So much is heard before the first look: no model can be trained on less."""
YEAR_D = 365
MOST_DAYS = 45
"""A loss that is not found by then counts as not found."""
LOSSES = ((0.01, 174), (0.005, 174), (0.01, 275), (0.01, 125))

say = sys.stdout.write


@dataclass(frozen=True)
class Year:
    """One bridge: hours since its first model without judgement [-], days to the finding."""

    silent_share: float
    delay_d: float
    versions: int


def year(seed: int, *, size: float, onset_d: int) -> Year:
    """Hear a bridge until its loss is found, or for a year if it has none."""
    days = onset_d + MOST_DAYS if size else YEAR_D
    damages = (loss(seed, onset_h=onset_d * 24, size=size),) if size else ()
    world = play(draw(seed), start_us=to_us(BEGIN), hours=days * 24, damages=damages)
    city = Stepped(world, heard_h=HEARD_D * 24)
    first_h = delay_d = np.inf
    while city.heard_h < days * 24 and not np.isfinite(delay_d):
        city.hear(24)
        Rounds(city.twin, (frequencies.ANALYSIS,)).all_due()
        if city.twin.bridges.models(BRIDGE_ID):
            first_h = min(first_h, city.heard_h)
        if city.twin.bridges.findings(BRIDGE_ID):
            delay_d = city.heard_h / 24 - onset_d
    sound_h = min(city.heard_h, onset_d * 24) if size else city.heard_h
    return Year(
        1.0 - _judged(city, first_h, sound_h) / max(sound_h - first_h, 1.0),
        delay_d,
        len(city.twin.bridges.models(BRIDGE_ID)),
    )


def _judged(city: Stepped, first_h: float, last_h: float) -> int:
    """Hours with a stored value of the chart."""
    chart = next(item for item in city.twin.datastreams() if item.quantity == "t2_statistic")
    _, series = city.twin.series(
        chart.uid, start=BEGIN, end=from_us(to_us(BEGIN)) + timedelta(days=2 * YEAR_D), limit=20_000
    )
    hour = (np.asarray(series.time_us) - to_us(BEGIN)) / HOUR_US
    return int(np.count_nonzero((hour >= first_h) & (hour < last_h)))


def told(name: str, years: Sequence[Year], *, is_sound: bool) -> None:
    """One line of the table."""
    silent = [item.silent_share for item in years]
    delay = np.array([item.delay_d for item in years])
    found = np.isfinite(delay)
    text = (
        f"false findings: {int(found.sum())} of {len(years)}"
        if is_sound
        else f"found {int(found.sum())} of {len(years)}, median {np.median(delay):.0f} d, slowest "
        f"{delay.max():.0f} d"
    )
    say(
        f"| {name} | {text} | {np.median(silent):.1%}, worst {max(silent):.1%} | "
        f"{max(item.versions for item in years)} |\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Run all and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=10)
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().worlds)
    say("| bridge | finding | hours not armed before it, median | versions of the model, most |\n")
    say("|---|---|---|---|\n")
    told("sound, a year", [year(seed, size=0.0, onset_d=0) for seed in seeds], is_sound=True)
    for size, onset_d in LOSSES:
        day = BEGIN + timedelta(days=onset_d)
        years = [year(seed, size=size, onset_d=onset_d) for seed in seeds]
        told(f"{size:.1%} loss on {day:%d %B}", years, is_sound=False)


if __name__ == "__main__":
    main()
