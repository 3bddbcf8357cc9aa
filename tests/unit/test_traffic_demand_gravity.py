"""The gravity model keeps to its margins, to the cost, and to its gateways."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulations.traffic.demand import gravity
from twin.errors import DemandError

ROUND = 1e-6


def square(zones: int, seed: int) -> NDArray[np.float64]:
    """Costs between random points, without trips inside a zone."""
    points = np.random.default_rng(seed).uniform(0.0, 1000.0, (zones, 2))
    cost_s = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(cost_s, np.inf)
    return cost_s


@given(st.integers(4, 30), st.integers(0, 1000), st.floats(0.0, 0.02))
def test_rows_and_columns_sum_up_to_what_the_zones_produce_and_attract(
    zones: int, seed: int, beta: float
) -> None:
    random = np.random.default_rng(seed)
    production, attraction = random.uniform(5.0, 10.0, (2, zones))
    attraction *= production.sum() / attraction.sum()
    trips = gravity(production, attraction, cost_s=square(zones, seed), beta_per_s=beta)
    assert trips.sum(axis=1) == pytest.approx(production, rel=ROUND)
    assert trips.sum(axis=0) == pytest.approx(attraction, rel=ROUND)
    assert (trips >= 0.0).all()
    assert not np.diagonal(trips).any()


def test_the_odds_of_two_pairs_follow_the_costs_alone() -> None:
    cost_s = square(6, seed=3)
    np.fill_diagonal(cost_s, 50.0)
    trips = gravity(np.full(6, 10.0), np.full(6, 10.0), cost_s=cost_s, beta_per_s=0.004)
    # balancing factors cancel in the cross ratio
    found = trips[0, 1] * trips[2, 3] / (trips[0, 3] * trips[2, 1])
    costs = cost_s[0, 1] + cost_s[2, 3] - cost_s[0, 3] - cost_s[2, 1]
    assert found == pytest.approx(np.exp(-0.004 * costs), rel=1e-9)


def test_without_aversion_to_cost_trips_are_proportional_to_both_ends() -> None:
    production, attraction = np.array([10.0, 30.0]), np.array([20.0, 20.0])
    trips = gravity(production, attraction, cost_s=np.zeros((2, 2)), beta_per_s=0.0)
    assert trips == pytest.approx(np.array([[5.0, 5.0], [15.0, 15.0]]))


def test_a_distant_zone_keeps_its_trips() -> None:
    cost_s = np.array([[10.0, 20.0, 1e6], [20.0, 10.0, 1e6], [1e6, 1e6, np.inf]])
    margin = np.array([10.0, 10.0, 2.0])
    trips = gravity(margin, margin, cost_s=cost_s, beta_per_s=1e-4)
    assert trips.sum(axis=1) == pytest.approx(margin, rel=ROUND)


@given(st.integers(0, 500), st.floats(0.0, 0.5))
def test_through_traffic_goes_from_gateway_to_gateway_and_the_rest_inside(
    seed: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    is_gateway = np.arange(12) < 4
    production = np.where(is_gateway, 100.0, random.uniform(100.0, 200.0, 12))
    trips = gravity(
        production, production.copy(), cost_s=square(12, seed), beta_per_s=0.002,
        is_gateway=is_gateway, through_share=share,
    )  # fmt: skip
    assert trips.sum(axis=1) == pytest.approx(production, rel=ROUND)
    assert trips.sum(axis=0) == pytest.approx(production, rel=ROUND)
    assert trips[:4, :4].sum(axis=1) == pytest.approx(np.full(4, share * 100.0))
    assert not np.diagonal(trips).any()


@pytest.mark.parametrize(
    ("production", "attraction", "text"),
    [
        ([10.0, -1.0], [5.0, 4.0], "production must be 0 or more; wrong in zone rows 1"),
        ([10.0, np.nan], [5.0, 4.0], "production must be 0 or more"),
        ([10.0, 1.0], [5.0, 4.0], "11 trips begin and 9 end per hour; scale one of them"),
        ([10.0, 1.0], [5.0, 4.0, 2.0], "do not belong to the same zones"),
    ],
)
def test_margins_that_cannot_be_kept_are_refused(
    production: list[float], attraction: list[float], text: str
) -> None:
    with pytest.raises(DemandError, match=text):
        gravity(np.array(production), np.array(attraction), cost_s=np.ones((2, 2)), beta_per_s=0.01)


def test_negative_or_missing_costs_are_refused() -> None:
    for cost_s in (np.full((2, 2), -1.0), np.full((2, 2), np.nan)):
        with pytest.raises(DemandError, match="costs must be 0 or more"):
            gravity(np.ones(2), np.ones(2), cost_s=cost_s, beta_per_s=0.01)


def test_a_zone_that_reaches_nobody_is_named() -> None:
    cost_s = np.ones((3, 3))
    cost_s[2] = np.inf
    cost_s[:, 0] = np.inf
    with pytest.raises(DemandError) as caught:
        gravity(np.ones(3), np.ones(3), cost_s=cost_s, beta_per_s=0.01)
    assert "zone rows 2 produce trips and reach no zone" in str(caught.value)
    assert "zone rows 0 attract trips and nobody can reach them" in str(caught.value)


def test_margins_that_contradict_the_missing_paths_end_after_a_bounded_number_of_passes() -> None:
    cost_s = np.array([[1.0, np.inf], [1.0, 1.0]])
    with pytest.raises(DemandError, match="after 50 passes a margin is still off"):
        gravity(
            np.array([10.0, 1.0]), np.array([1.0, 10.0]), cost_s=cost_s, beta_per_s=0.01,
            max_passes=50,
        )  # fmt: skip


def test_more_through_traffic_than_the_gateways_attract_is_refused() -> None:
    with pytest.raises(DemandError, match="lower the share of through traffic"):
        gravity(
            np.array([100.0, 1.0, 1.0]), np.array([1.0, 1.0, 100.0]), cost_s=np.ones((3, 3)),
            beta_per_s=0.0, is_gateway=np.array([True, True, False]), through_share=0.9,
        )  # fmt: skip
