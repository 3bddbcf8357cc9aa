"""Run lengths of charts against simulation and published tables; limits that keep their rate."""

import numpy as np
import pytest
from bridge_worlds import followed

from simulations.monitoring.bootstrap import chart_limit
from simulations.monitoring.charts import (
    cusum,
    cusum_limit,
    cusum_run_length,
    ewma,
    ewma_limit,
    ewma_run_length,
    ewma_width,
    hotelling_t2,
    t2_limit,
)
from twin.errors import InsufficientData, ModelError

TOLERANCE = 0.20  # bridge specification, section 10.1


def simulated_run_length(passes, *, shift: float, rows: int, runs: int = 400) -> float:
    """Mean first row at which a chart passes; every run is long enough to pass."""
    noise = np.random.default_rng(20261122).normal(shift, 1.0, (runs, rows))
    over = passes(noise)
    assert over.any(axis=1).mean() > 0.97
    return float(np.mean(np.where(over.any(axis=1), over.argmax(axis=1) + 1, rows)))


@pytest.mark.parametrize(
    ("lam", "width", "shift", "truth"),
    [
        (0.1, 2.814, 0.0, 499),
        (0.1, 2.814, 1.0, 10.3),
        (0.02, 2.5, 0.0, 819),
        (0.02, 2.5, 1.0, 15.2),
    ],
)
def test_run_lengths_of_ewma_are_those_of_the_table_and_of_simulation(lam, width, shift, truth):
    limit = ewma_limit(width, lam=lam)
    found = simulated_run_length(
        lambda noise: np.abs(ewma(noise, lam=lam)) > limit, shift=shift, rows=60 if shift else 5000
    )
    computed = ewma_run_length(width, lam=lam, shift=shift)
    assert found == pytest.approx(truth, rel=TOLERANCE)
    assert computed == pytest.approx(found, rel=TOLERANCE)
    assert computed == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 931), (1.0, 10.4)])
def test_run_lengths_of_cusum_are_those_of_the_table_and_of_simulation(shift, truth):
    found = simulated_run_length(
        lambda noise: cusum(noise, slack=0.5) > 5.0, shift=shift, rows=100 if shift else 5000
    )
    assert found == pytest.approx(truth, rel=TOLERANCE)
    assert cusum_run_length(5.0, slack=0.5, shift=shift) == pytest.approx(truth, rel=0.01)
    assert cusum_limit(465.0, slack=0.5, is_two_sided=True) == pytest.approx(5.0, abs=0.01)


def test_limits_give_back_the_run_length_they_were_made_for() -> None:
    for stated in (100.0, 8760.0):
        width = ewma_width(stated, lam=0.02)
        assert ewma_run_length(width, lam=0.02) == pytest.approx(stated, rel=1e-3)
    noise = np.random.default_rng(3).normal(size=(200_000, 3))
    over = hotelling_t2(noise, np.eye(3)) > t2_limit(200.0, channels=3)
    assert over.mean() == pytest.approx(1 / 200, rel=TOLERANCE)
    with pytest.raises(ModelError, match="cannot be had"):
        t2_limit(1.0, channels=3)


def test_on_residuals_that_hang_together_the_bootstrap_keeps_the_rate_and_the_table_does_not():
    random = np.random.default_rng(8)

    def weather(rows: int) -> np.ndarray:
        return followed(random.normal(size=rows), lag_h=12.0) * np.sqrt(23.0)

    training, later = weather(12_000), weather(200_000)
    stated = 1 / 1000

    def chart(residual: np.ndarray) -> np.ndarray:
        return np.abs(ewma(residual, lam=0.1))

    drawn = chart_limit(
        training, chart=chart, block=96, alarms_per_row=stated, random=random, length=5000, runs=40
    )
    table = ewma_limit(ewma_width(1 / stated, lam=0.1), lam=0.1)
    hours = [np.flatnonzero(chart(later) > limit) for limit in (drawn, table)]
    rates = [(1 + np.count_nonzero(np.diff(over) > 24)) / len(later) for over in hours]
    assert 0.4 * stated < rates[0] < 2.0 * stated
    assert rates[1] > 5.0 * stated


def test_short_records_give_no_limit() -> None:
    with pytest.raises(InsufficientData, match="fewer than 10 blocks"):
        chart_limit(
            np.zeros(100),
            chart=np.abs,
            block=48,
            alarms_per_row=0.01,
            random=np.random.default_rng(1),
        )
