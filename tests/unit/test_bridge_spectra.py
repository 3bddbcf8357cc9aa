"""Spectra of a bridge: the record that the store keeps, and what an hour adds to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sensors.simulator.bridge_world.vibration import accelerations, beam_modes
from simulations.bridges.spectra import HOUR_BINS, MOST_HOURS, NEWEST_BINS, group_spectra
from simulations.monitoring.fdd import BINS
from simulations.monitoring.recording import Recording
from twin.errors import InsufficientData, ModelError
from twin.model.spectra import STEP_DB, GroupSpectra, record_of, spectra_of

AT = datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def recording(seconds: int = 60, *, rate_hz: float = 100.0) -> Recording:
    modes = beam_modes((3.0, 7.0), sensors=2)
    count = round(seconds * rate_hz)
    signal = accelerations(modes, rate_hz=rate_hz, count=count, seed=4)
    return Recording((signal,), rate_hz, ("a", "b"), ("m/s2", "m/s2"))


def test_the_first_singular_value_peaks_at_the_modes() -> None:
    found = group_spectra(recording(300), None, at=AT)
    frequency = found.frequency_hz()
    assert abs(frequency[int(np.argmax(found.newest_db[0]))] - 3.0) < 0.2
    upper = np.where(frequency > 5.0, found.newest_db[0], -np.inf)
    assert abs(frequency[int(np.argmax(upper))] - 7.0) < 0.2
    assert np.all(found.newest_db[0] >= found.newest_db[1])


def test_a_peak_is_shown_at_the_middle_of_its_bin() -> None:
    rate_hz = 100.0
    random = np.random.default_rng(6)
    time_s = np.arange(30_000) / rate_hz
    for row in range(80, 92):
        fine_hz = 0.5 * rate_hz / BINS
        wave = np.sin(2.0 * np.pi * row * fine_hz * time_s)[:, None] * np.ones(2)
        signal = wave + random.normal(0.0, 0.01, wave.shape)
        found = group_spectra(
            Recording((signal,), rate_hz, ("a", "b"), ("m/s2", "m/s2")), None, at=AT
        )
        for levels, of_hours in ((found.newest_db[0], False), (found.hours_db[0], True)):
            frequency = found.frequency_hz(of_hours=of_hours)
            step_hz = float(frequency[1])
            assert step_hz > fine_hz
            shown_hz = float(frequency[int(np.argmax(levels))])
            assert abs(shown_hz - row * fine_hz) <= 0.5 * step_hz + 1e-9
            assert len(levels) <= (HOUR_BINS if of_hours else NEWEST_BINS)
            assert frequency[-1] + step_hz / 2 >= 25.0 - fine_hz


def test_a_record_gives_back_what_was_put_into_it() -> None:
    found = group_spectra(recording(), None, at=AT)
    (back,) = spectra_of(record_of([found], asset_id="B1", at=AT))
    assert replace(back, newest_db=found.newest_db, hours_db=found.hours_db) == found
    assert np.abs(back.newest_db - found.newest_db).max() <= STEP_DB / 2
    assert np.abs(back.hours_db - found.hours_db).max() <= STEP_DB / 2


def test_a_week_of_hours_is_kept_and_its_size_stays() -> None:
    kept: GroupSpectra | None = None
    for hour in range(MOST_HOURS + 30):
        kept = group_spectra(recording(45), kept, at=AT + hour * HOUR)
    assert kept is not None
    assert len(kept.hour_us) == MOST_HOURS == len(kept.hours_db)
    assert kept.hours_db.shape[1] <= HOUR_BINS
    assert kept.newest_db.shape[1] <= NEWEST_BINS
    assert len(record_of([kept], asset_id="B1", at=AT).content) < 100_000


def test_two_looks_in_one_hour_keep_the_later_one() -> None:
    first = group_spectra(recording(), None, at=AT)
    second = group_spectra(recording(), first, at=AT + timedelta(minutes=20))
    assert second.hour_us == (second.newest_us,)


def test_hours_in_other_bins_are_not_mixed() -> None:
    first = group_spectra(recording(rate_hz=100.0), None, at=AT)
    second = group_spectra(recording(rate_hz=50.0), first, at=AT + HOUR)
    assert len(second.hour_us) == 1


def test_short_blocks_are_refused() -> None:
    with pytest.raises(InsufficientData, match="too short"):
        group_spectra(Recording((np.ones((20, 2)),), 100.0, ("a", "b")), None, at=AT)


def test_a_damaged_record_is_named() -> None:
    record = record_of([], asset_id="B1", at=AT)
    with pytest.raises(ModelError, match="damaged"):
        spectra_of(replace(record, content=b'[{"channels": 1}]'))
