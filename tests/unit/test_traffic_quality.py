"""Service labels only from verified limits."""

import numpy as np
import pytest

from simulations.traffic.quality import (
    LINK_INDICATION,
    junction_level,
    link_indication,
    speed_band,
)
from twin.errors import ModelError


@pytest.mark.parametrize(
    ("delay_s", "level"),
    [(0.0, "A"), (10.0, "A"), (10.1, "B"), (35.0, "C"), (55.0, "D"), (80.0, "E"), (80.1, "F")],
)
def test_a_signal_gets_the_letter_of_the_manual(delay_s: float, level: str) -> None:
    assert junction_level(delay_s, scheme="hcm", facility="signal") == level


@pytest.mark.parametrize("facility", ["signal", "priority"])
def test_an_unverified_limit_gives_no_letter(facility: str) -> None:
    with pytest.raises(ModelError, match="not verified"):
        junction_level(15.0, scheme="hbs", facility=facility)


def test_an_unknown_scheme_or_delay_is_refused() -> None:
    with pytest.raises(ModelError, match="known: free_speed_share/link"):
        junction_level(15.0, scheme="hbs2001", facility="signal")
    with pytest.raises(ModelError, match="delay is nan"):
        junction_level(float("nan"), scheme="hcm", facility="signal")


def test_links_get_numbers_and_neutral_bands_and_no_letters() -> None:
    found = link_indication(
        volume_pceh=np.array([0.0, 600.0, 1100.0, 5.0]),
        capacity_pceh=np.array([1000.0, 1000.0, 1000.0, 0.0]),
        time_s=np.array([60.0, 66.0, 90.0, 0.0]),
        t0_s=np.array([60.0, 60.0, 60.0, 0.0]),
    )
    assert found.label == LINK_INDICATION
    assert found.band.tolist() == [0, 1, 4, 0]
    assert found.travel_time_index[:3] == pytest.approx([1.0, 1.1, 1.5])
    assert np.isnan(found.travel_time_index[3])
    assert np.isnan(found.saturation[3])


def test_measured_speeds_fall_into_bands_of_the_free_speed() -> None:
    speeds = np.array([4.0, 5.0, 12.5, 37.5, 45.0])
    assert speed_band(speeds, np.full(5, 50.0)).tolist() == [0, 1, 2, 3, 4]
