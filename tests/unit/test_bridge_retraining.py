"""Models learn on over the seasons of their first year, and never at a bridge with a finding."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from bridge_city import BRIDGE_ID, START_US, Stepped

from sensors.simulator.bridge_world.hourly import play
from sensors.simulator.bridge_world.truth import draw, loss
from simulations.bridges import bearings, frequencies, trends
from simulations.bridges.frequencies import channels_of
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import Analysis, Rounds
from simulations.monitoring.compensation import restored
from simulations.monitoring.watch import Watch
from twin.model.acoustics import judged_reason
from twin.model.monitoring import AnalysisOutcome, TrainedModel

SEED = 3
FIRST_LOOK_D = 120
LOOK_D = 15
DAYS = 290
ALL = (frequencies.ANALYSIS, trends.ANALYSIS, bearings.ANALYSIS)


def hear(
    city: Stepped, *, until_d: int, analyses: tuple[Analysis, ...] = ALL, every_d: int = LOOK_D
) -> None:
    """Look every fortnight, or so often, up to a day."""
    while city.heard_h < until_d * 24:
        city.hear(min(every_d * 24, until_d * 24 - city.heard_h))
        assert Rounds(city.twin, analyses).all_due() == 1


def versions(city: Stepped, name: str = frequencies.NAME) -> list[TrainedModel]:
    return [item for item in city.twin.bridges.models(BRIDGE_ID) if item.name == name]


@pytest.fixture(scope="module")
def sound() -> Stepped:
    world = play(draw(SEED), start_us=START_US, hours=DAYS * 24)
    city = Stepped(world, heard_h=FIRST_LOOK_D * 24)
    hear(city, until_d=DAYS)
    return city


@pytest.mark.parametrize(
    ("name", "days"), [("compensation", 3), ("trend.T1.crack_1", 30), ("bearing.T1.travel_1", 30)]
)
def test_a_model_learns_a_while_more_at_a_time_and_earlier_versions_stay(
    sound: Stepped, name: str, days: int
) -> None:
    models = versions(sound, name)
    assert len(models) > 1
    assert [item.version for item in models] == list(range(1, len(models) + 1))
    for before, after in pairwise(models):
        assert after.trained_until - before.trained_until >= timedelta(days=days)
        assert after.trained_from == before.trained_from


def armed_share(city: Stepped, model: TrainedModel) -> float:
    """Share of the last month in which a watch of this version speaks."""
    (bridge,) = bridges(city.twin, asset_id=BRIDGE_ID)
    modes, warm = bridge.of("natural_frequency"), bridge.of("structure_temperature")
    channels = channels_of(bridge.hourly([item.uid for item in (*modes, *warm)]), modes, warm)
    rows = Watch(restored(model.content)).run(
        channels.between(len(channels) - 40 * 24, len(channels))
    )
    return sum(row.is_armed for row in rows.rows) / len(rows.rows)


def test_a_later_version_is_armed_in_warmer_weeks_than_the_first(sound: Stepped) -> None:
    first, *_, judged, last = versions(sound)
    assert armed_share(sound, last) > armed_share(sound, first) + 0.2
    kept = sound.twin.bridges.state(BRIDGE_ID, f"compensation.{judged.version}")
    assert kept is not None
    assert not sound.twin.bridges.findings(BRIDGE_ID)


def rejected(city: Stepped) -> None:
    """A person judges every open finding to be none of the structure, and closes it."""
    reason = judged_reason("rejected", "the logger was exchanged")
    for item in city.twin.bridges.findings(BRIDGE_ID):
        for stage in ("seen", "judged", "closed"):
            city.twin.bridges.move_finding(
                item.id, stage, person="inspector", reason=reason, at=city.twin.now()
            )


def test_a_damaged_bridge_is_not_learned_and_a_rejected_finding_lets_a_sound_one_learn() -> None:
    watched = (frequencies.ANALYSIS,)
    damage = loss(SEED, onset_h=(FIRST_LOOK_D + 2) * 24, size=0.02)
    world = play(draw(SEED), start_us=START_US, hours=200 * 24, damages=(damage,))
    city = Stepped(world, heard_h=FIRST_LOOK_D * 24)
    hear(city, until_d=FIRST_LOOK_D + 15, analyses=watched, every_d=1)
    known = len(versions(city))
    hear(city, until_d=180, analyses=watched)
    (found,) = city.twin.bridges.findings(BRIDGE_ID)
    assert len(versions(city)) == known
    rejected(city)
    hear(city, until_d=195, analyses=watched)
    assert len(versions(city)) == known, "its chart is still in alarm"

    well = play(draw(SEED), start_us=START_US, hours=200 * 24)
    city = Stepped(well, heard_h=FIRST_LOOK_D * 24)
    hear(city, until_d=135, analyses=watched)
    said = replace(found.finding, at=city.twin.now())
    city.twin.bridges.keep(AnalysisOutcome(findings=(said,)), at=city.twin.now())
    hear(city, until_d=180, analyses=watched)
    assert len(versions(city)) == 1
    rejected(city)
    hear(city, until_d=195, analyses=watched)
    assert len(versions(city)) == 2


def test_compensated_modes_do_not_step_when_warmer_months_have_been_learned(sound: Stepped) -> None:
    models = versions(sound)
    (bridge,) = bridges(sound.twin, asset_id=BRIDGE_ID)
    first, last = restored(models[0].content), restored(models[-1].content)
    level_hz = frequencies.level_of(bridge, last)
    step_hz = abs(last.coefficients[-1] - first.coefficients[-1])
    assert (abs(level_hz - first.coefficients[-1]) < 0.25 * step_hz).all()
