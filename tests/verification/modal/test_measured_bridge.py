"""A measured bridge: inclination and strain of the Munich test bridge at 100 Hz, ten minutes.

The data (imcs-compsim/munich-bridge-data, MIT) lie beside the repository and are no part of it.
Nothing is published of its frequencies, so the parts of the record judge one another.
"""

import csv
import gzip

import numpy as np
import pytest
from services import REPOSITORY

from simulations.monitoring.fdd import cross_spectra, decompose, peaks
from simulations.monitoring.oma import Choices, identify, identify_single
from simulations.monitoring.recording import Recording, channel_issues, only

FOLDER = REPOSITORY.parent / "shared" / "data" / "munich_test_bridge"
RATE_HZ = 100.0


def column(kind: str) -> np.ndarray:
    with gzip.open(FOLDER / f"unibw_reference_state_{kind}_100Hz.csv.gz", "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return np.array([float(row[1]) for row in rows])


@pytest.fixture(scope="module")
def recording() -> Recording:
    if not FOLDER.is_dir():
        pytest.skip("the Munich test bridge is not beside the repository")
    both = np.column_stack((column("inclination"), column("strain")))
    return Recording((both,), RATE_HZ, ("inclination", "strain"), ("deg", "um/m"))


def test_no_channel_is_suspect(recording) -> None:
    assert channel_issues(recording) == ()


def test_the_first_mode_is_the_same_in_both_halves_and_in_both_ways(recording) -> None:
    both = identify(recording, Choices(least_hz=1.0)).modes[0]
    assert both.frequency_sd_hz < 0.005 * both.frequency_hz
    assert both.collinearity > 0.95
    (whole,) = only(recording, ["inclination"]).blocks
    for half in np.split(whole, 2):
        alone = identify_single(Recording((half,), RATE_HZ, ("inclination",)), "inclination")
        mode = alone.modes[0]
        assert abs(mode.frequency_hz - both.frequency_hz) < 3.0 * mode.frequency_sd_hz
        assert abs(mode.damping - both.damping) < 3.0 * mode.damping_sd


def test_the_spectrum_has_its_peak_there(recording) -> None:
    mode = identify(recording, Choices(least_hz=1.0)).modes[0]
    spectrum = decompose(cross_spectra(only(recording, ["inclination"]), bins=512))
    highest = max(peaks(spectrum, least_hz=1.0), key=lambda peak: peak.prominence_db)
    assert highest.frequency_hz == pytest.approx(mode.frequency_hz, rel=0.02)
