"""Series for charts: nothing that matters is lost, and bad requests name their field."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from town import START, Town, numbers

from dashboards.api.downsample import reduce_series
from dashboards.api.series import FieldError, Span, read_span, series_table
from dashboards.live.table import decode_table


def reduced(values, *, pixels=50, cadence_s=None, times=None):
    value = np.asarray(values, dtype=np.float64)
    time_ms = np.arange(len(value), dtype=np.float64) * 1000 if times is None else np.asarray(times)
    return reduce_series(
        time_ms, value, np.zeros(len(value), np.uint8), pixels=pixels, cadence_s=cadence_s
    )


@given(st.integers(0, 2**32 - 1), st.integers(300, 5000))
def test_the_extremes_of_every_pixel_column_survive(seed, count):
    values = np.random.default_rng(seed).normal(size=count)
    found = reduced(values)
    assert found.level == "m4"
    assert len(found.value) <= 200
    assert found.value.max() == values.max()
    assert found.value.min() == values.min()
    edges = np.linspace(0, (count - 1) * 1000.0, 51)
    times = np.arange(count) * 1000.0
    for low, high in pairwise(edges):
        # A value exactly between two columns may be counted in either.
        inner = values[(times > low) & (times < high)]
        kept = found.value[(found.time_ms >= low) & (found.time_ms <= high)]
        if inner.size:
            assert kept.max() >= inner.max()
            assert kept.min() <= inner.min()


def test_few_values_come_as_they_are():
    found = reduced([3.0, 1.0, 2.0])
    assert (found.level, found.value.tolist()) == ("raw", [3.0, 1.0, 2.0])


def test_a_pause_of_more_than_three_intervals_is_a_gap():
    found = reduced([1.0, 2.0, 3.0, 4.0], times=[0.0, 15e3, 75e3, 90e3], cadence_s=15.0)
    assert found.gaps == 1
    assert np.isnan(found.value).tolist() == [False, False, True, False, False]
    assert np.all(np.diff(found.time_ms) > 0)


def test_an_event_driven_stream_has_no_gaps():
    assert reduced([1.0, 2.0], times=[0.0, 1e9]).gaps == 0


def test_gaps_survive_the_reduction():
    times = np.arange(2000) * 1000.0
    times[1000:] += 600_000.0
    found = reduced(np.arange(2000.0), times=times, cadence_s=1.0)
    assert int(np.isnan(found.value).sum()) == 1
    at = int(np.flatnonzero(np.isnan(found.value))[0])
    assert found.value[at - 1] == 999.0
    assert found.value[at + 1] == 1000.0


def test_values_that_are_not_finite_are_left_out_first():
    found = reduced([1.0, np.nan, np.inf, 4.0])
    assert found.value.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"px": "20"}, "px"),
        ({"px": "1001"}, "px"),
        ({"px": "many"}, "px"),
        ({"px": "nan"}, "px"),
        ({"last": "0"}, "last"),
        ({"last": "1e12"}, "last"),
        ({"t0": "2026-01-01T00:00:00"}, "t0"),
        ({"t0": "yesterday"}, "t0"),
        ({"t0": "0001-01-01T00:00:00+14:00"}, "t0"),
        ({"t0": "2026-01-02T00:00:00Z", "t1": "2026-01-01T00:00:00Z"}, "t1"),
        ({"t0": "1970-01-01T00:00:00Z"}, "t1"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"agg": "lttb"}, "agg"),
        ({"width": "3"}, "width"),
    ],
    ids=str,
)
def test_a_parameter_that_is_not_possible_is_named(parameters, field):
    with pytest.raises(FieldError) as error:
        read_span(parameters, now=START)
    assert error.value.name == field


def test_times_with_an_offset_are_taken_in_utc():
    span = read_span({"t0": "2026-11-22T08:00:00 01:00", "t1": "2026-11-22T08:00:00Z"}, now=START)
    assert (span.start, span.end) == (datetime(2026, 11, 22, 7, tzinfo=UTC), START)


def test_a_table_carries_unit_provenance_and_flags():
    city = Town()
    city.record({"B1-strain": 5.0}, age_s=30.0)
    city.record({"B1-strain": 6.0}, age_s=15.0, quality=1 << 2)
    span = Span(START - timedelta(hours=1), START, 300)
    table = decode_table(series_table(city.twin, "B1-strain", span))
    assert numbers(table, "v") == [5.0, 6.0]
    assert numbers(table, "flag") == [0, 1]
    assert (table.meta["unit"], table.meta["provenance"]) == ("um/m", "simulated")


def test_of_a_waveform_stream_the_last_burst_is_shown():
    city = Town()
    city.record_burst("B1-wave", [9.0, 9.0], age_s=60.0)
    city.record_burst("B1-wave", [0.0, 1.0, -1.0], age_s=20.0)
    span = Span(START - timedelta(hours=1), START, 300)
    table = decode_table(series_table(city.twin, "B1-wave", span))
    assert numbers(table, "v") == [0.0, 1.0, -1.0]
    assert np.diff(numbers(table, "t")).tolist() == [10.0, 10.0]


@pytest.mark.parametrize("age_h", [0.5, 20.0, 300.0])
def test_the_last_burst_is_found_however_old_it_is(age_h):
    city = Town()
    city.record_burst("B1-wave", [1.0], age_s=age_h * 3600)
    span = Span(START - timedelta(days=400), START, 300)
    assert decode_table(series_table(city.twin, "B1-wave", span)).n == 1


def test_a_year_comes_as_one_band_per_pixel_with_every_extreme():
    city = Town()
    for day in range(300):
        # far more readings per pixel than are read one by one
        city.record_rows("B1-strain", [float(day)] * 39 + [100.0 + day], age_s=day * 86400.0 + 600)
    span = Span(START - timedelta(days=365), START, 50)
    table = decode_table(series_table(city.twin, "B1-strain", span))
    assert (table.meta["total"], table.meta["reduced"]) == (12_000, "bins")
    assert table.n <= 51
    assert max(numbers(table, "max")) == 399.0
    assert min(numbers(table, "min")) == 0.0
    assert sum(numbers(table, "n")) == 12_000
    assert {"t", "avg", "min", "max", "last", "flag"} <= set(table.columns)


def test_bins_without_a_reading_are_gaps_only_where_values_are_expected():
    city = Town()
    for hour in (0, 1, 40):
        city.record_rows("B1-strain", [1.0] * 900, age_s=hour * 3600.0 + 10)
    span = Span(START - timedelta(days=30), START, 50)
    table = decode_table(series_table(city.twin, "B1-strain", span))
    assert table.meta["reduced"] == "bins"
    assert table.meta["gaps"] == 1
    assert np.isnan(numbers(table, "avg")).any()
    assert not np.isnan(numbers(table, "avg")[0])
    assert not np.isnan(numbers(table, "avg")[-1])


def test_suspect_readings_are_flagged_in_their_bin_and_counted():
    city = Town()
    city.record_rows("B1-strain", [1.0] * 3000, age_s=3600.0)
    city.record({"B1-strain": 4000.0}, age_s=1800.0, quality=1 << 2)
    span = Span(START - timedelta(days=30), START, 50)
    table = decode_table(series_table(city.twin, "B1-strain", span))
    assert (table.meta["bad"], table.meta["total"]) == (1, 3001)
    assert max(numbers(table, "max")) == 1.0
    assert sum(numbers(table, "flag")) == 1
