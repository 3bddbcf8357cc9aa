"""What a recorded bridge shows equals the truth cases (specification, section 5.3)."""

import numpy as np
import pytest
from structure_city import BRIDGE_ID, FACTS, START, Clock, frequency_stream, hear, structure_twin

from simulations.bridges import structures
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.model.structure_state import StructureState

TOLERANCE = 1e-4
"""Of the specification."""


def computed(**changes: float | str) -> StructureState:
    twin = structure_twin({**FACTS, **changes}, Clock(START))
    Rounds(twin, [structures.ANALYSIS]).all_due()
    (found,) = read_bridge(twin, BRIDGE_ID).structure
    return found


def effect(found: StructureState, load_model: str, kind: str, station_m: float):
    return next(
        item
        for item in found.effects
        if (item.load_model, item.effect) == (load_model, kind)
        and abs(item.station_m - station_m) < 1e-6
    )


def ordinate(found: StructureState, kind: str, station_m: float, load_at_m: float) -> float:
    line = next(
        item
        for item in found.lines
        if item.effect == kind and abs(item.station_m - station_m) < 1e-6
    )
    return float(np.interp(load_at_m, line.x_m, line.y))


@pytest.mark.parametrize(
    ("key", "lanes"),
    [("lm1_en", (7357.5, 3723.75, 2283.75)), ("lm1_de", (8370.0, 4905.0, 2452.5))],
)
def test_lm1_in_the_middle_of_a_simple_span(key: str, lanes: tuple[float, ...]) -> None:
    found = effect(computed(), key, "moment", 15.0)
    assert found.greatest == pytest.approx(sum(lanes), rel=TOLERANCE)


def test_bridge_class_and_fatigue_lorry_in_the_middle_of_a_simple_span() -> None:
    narrow = computed(carriageway_width_m=6.0)
    bridge_class = effect(narrow, "bk_60_30", "moment", 15.0)
    assert bridge_class.greatest == pytest.approx(8872.8, rel=TOLERANCE)
    assert effect(narrow, "flm3", "moment", 15.0).greatest == pytest.approx(2736.0, rel=TOLERANCE)


def test_influence_lines_of_two_spans_as_they_are_shown() -> None:
    found = computed(static_system="1.3", spans_m="30+30", total_length_m=60.0)
    assert found.level == "L1"
    assert ordinate(found, "moment", 30.0, 15.0) == pytest.approx(-2.8125, rel=TOLERANCE)
    assert ordinate(found, "moment", 15.0, 15.0) == pytest.approx(6.09375, rel=TOLERANCE)
    assert ordinate(found, "reaction", 0.0, 15.0) == pytest.approx(0.40625, rel=TOLERANCE)
    line = next(one for one in found.lines if (one.effect, one.station_m) == ("moment", 30.0))
    assert min(line.y) == pytest.approx(-2.88675, rel=TOLERANCE)


def test_frequencies_of_a_calibrated_beam_follow_the_closed_solutions() -> None:
    twin = structure_twin(FACTS, Clock(START), [frequency_stream(1)])
    hear(twin, 1, 3.218228, until=START)
    Rounds(twin, [structures.ANALYSIS]).all_due()
    (found,) = read_bridge(twin, BRIDGE_ID).structure
    hz = [item.calibrated_hz or 0.0 for item in found.frequencies]
    assert hz == pytest.approx([3.218228, 4 * 3.218228, 9 * 3.218228], rel=1e-5)


def test_frequencies_of_three_spans_have_the_published_ratios() -> None:
    found = computed(static_system="1.3", spans_m="30+30+30", total_length_m=90.0)
    hz = [item.predicted_hz for item in found.frequencies]
    assert [hz[1] / hz[0], hz[2] / hz[0]] == pytest.approx([1.2815, 1.8713], rel=1e-3)
