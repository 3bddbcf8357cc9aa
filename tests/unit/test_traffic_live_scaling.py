"""Live counts pull the model, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.traffic.live_scaling import GroupScale, ScalingRule, advance, scaled
from twin.errors import ModelError

RULE = ScalingRule()


def after(counts, model=100.0, scale=None, rule=RULE):
    scale = scale or GroupScale()
    for count in counts:
        scale = advance(scale, count=count, model=model, rule=rule)
    return scale


def test_a_lasting_excess_is_followed():
    rule = ScalingRule(decay=1.0)
    assert np.exp(after([130.0] * 60, rule=rule).mean) == pytest.approx(1.3, rel=0.01)


@pytest.mark.parametrize("count", [0.0, np.nan])
def test_a_missing_count_changes_no_level_and_widens_the_band(count):
    before = after([120.0] * 10)
    later = advance(before, count=count, model=100.0)
    assert later.outcome == "missing"
    assert later.mean == pytest.approx(RULE.decay * before.mean)
    assert later.variance > before.variance


def test_a_group_without_counts_returns_to_the_model():
    scale = after([np.nan] * 400, scale=after([150.0] * 20))
    assert scale.mean == pytest.approx(0.0, abs=1e-4)
    assert scaled(np.array([10.0]), scale).is_stale


def test_one_wild_count_is_refused_and_three_in_a_row_are_believed():
    calm = after([100.0] * 20)
    once = advance(calm, count=1000.0, model=100.0)
    assert once.outcome == "rejected"
    assert once.mean == pytest.approx(RULE.decay * calm.mean)
    assert after([1000.0] * 3, scale=calm).outcome == "updated"


def test_wild_counts_of_unequal_sign_are_never_believed():
    calm = after([100.0] * 20)
    scale = calm
    for count in (1000.0, 8.0, 1000.0, 8.0, 1000.0):
        scale = advance(scale, count=count, model=100.0)
        assert scale.outcome == "rejected"


def test_the_innovation_is_taken_after_the_decay():
    start = GroupScale(mean=0.1, variance=0.01)
    m, p = RULE.decay * 0.1, RULE.decay**2 * 0.01 + RULE.variance_gain
    r = 1 / 120 + RULE.count_variation**2
    k = min(p / (p + r), RULE.largest_gain)
    found = advance(start, count=120.0, model=100.0)
    assert found.mean == pytest.approx(m + k * (np.log(1.2) - m))
    assert found.variance == pytest.approx((1 - k) * p)


def test_the_gain_is_bounded():
    unsure = GroupScale(mean=0.0, variance=100.0)
    found = advance(unsure, count=200.0, model=100.0, rule=ScalingRule(decay=1.0))
    assert found.mean == pytest.approx(RULE.largest_gain * np.log(2.0))


def test_coverage_below_three_quarters_marks_the_group_stale():
    fresh = after([100.0, np.nan, 100.0, 100.0])
    stale = after([100.0, np.nan, np.nan, 100.0])
    assert not scaled(np.ones(1), fresh).is_stale
    assert scaled(np.ones(1), stale).is_stale


@given(st.lists(st.integers(0, 100_000), max_size=40))
def test_flows_stay_finite_and_inside_their_band(counts):
    found = scaled(np.array([50.0]), after(counts))
    assert 0 < found.low[0] <= found.flow[0] <= found.high[0] < np.inf


def test_a_model_without_flow_or_a_negative_count_is_refused():
    with pytest.raises(ModelError, match="must be positive"):
        advance(GroupScale(), count=1.0, model=0.0)
    with pytest.raises(ModelError, match="negative"):
        advance(GroupScale(), count=-1.0, model=1.0)
