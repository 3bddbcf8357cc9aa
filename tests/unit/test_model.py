"""The central types and fact tables."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import ModelError, RegistryError
from twin.model.findings import MonitoringState
from twin.model.observations import Waveform
from twin.model.provenance import Provenance
from twin.model.quality import Quality, QualityClass, from_keys, keys, quality_class
from twin.model.quantities import conversion, quantities, quantity, within_limits
from twin.model.scenarios import Intervention, Scenario
from twin.model.tables import rows
from twin.model.times import from_us, to_us
from twin.rules.monitoring import monitoring_state


def test_every_flag_of_the_table_is_a_bit_of_the_mask() -> None:
    table = {row["key"].upper(): 1 << int(row["bit"]) for row in rows("quality_flags")}
    assert {flag.name: flag.value for flag in Quality if flag.value} == table


@given(st.sets(st.sampled_from([row["key"] for row in rows("quality_flags")])))
def test_flag_names_survive_the_mask(names: set[str]) -> None:
    assert set(keys(from_keys(names))) == names


def test_an_unknown_flag_is_explained() -> None:
    with pytest.raises(ModelError, match="bad_at_source"):
        from_keys(["bad"])


@pytest.mark.parametrize(
    ("mask", "age_s", "cadence_s", "expected"),
    [
        (0, None, 15.0, QualityClass.NEVER_REPORTED),
        (0, 45.0, 15.0, QualityClass.GOOD),
        (0, 45.1, 15.0, QualityClass.STALE),
        (0, 1e9, None, QualityClass.GOOD),
        (Quality.SIMULATED, 1.0, 15.0, QualityClass.SIMULATED),
        (Quality.SIMULATED | Quality.OUT_OF_RANGE, 1.0, 15.0, QualityClass.SUSPECT),
        (Quality.LATE, 1.0, 15.0, QualityClass.GOOD),
        (Quality.SUSPECT, 46.0, 15.0, QualityClass.STALE),
    ],
)
def test_the_class_says_the_worst_that_is_known(
    mask: int, age_s: float | None, cadence_s: float | None, expected: QualityClass
) -> None:
    assert quality_class(mask, age_s=age_s, cadence_s=cadence_s) is expected


def test_every_quantity_has_limits_and_both_names() -> None:
    for item in quantities().values():
        assert item.lower_limit < item.upper_limit
        assert min(item.label("de"), item.label("en"))
        assert item.source


def test_an_unknown_quantity_names_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="traffic_flow"):
        quantity("trafic_flow")


@pytest.mark.parametrize(
    ("unit", "target", "value", "expected"),
    [
        ("m/s", "km/h", 10.0, 36.0),
        ("mph", "km/h", 1.0, 1.609344),
        ("K", "Cel", 273.15, 0.0),
        ("cm", "m", 1312.0, 13.12),
        ("µm/m", "um/m", 5.0, 5.0),
        ("μm/m", "um/m", 5.0, 5.0),
        ("deg", "mm/m", 1.0, 17.4533),
    ],
)
def test_units_are_converted(unit: str, target: str, value: float, expected: float) -> None:
    found = conversion(unit, target)
    assert value * found.scale + found.offset == pytest.approx(expected, abs=1e-4)


def test_a_mass_is_never_silently_a_force() -> None:
    with pytest.raises(ModelError, match="cannot be converted"):
        conversion("t", "kN")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 251.0, -0.1])
def test_values_outside_the_limits_are_found(value: float) -> None:
    assert not within_limits(value, quantity("speed"))


def test_a_sourced_value_cites_its_source() -> None:
    with pytest.raises(ModelError, match="cite"):
        Provenance("sourced")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_survive_microseconds_in_every_zone(naive: datetime) -> None:
    time = naive.replace(tzinfo=timezone(timedelta(hours=2)))
    assert from_us(to_us(time)) == time
    assert from_us(to_us(time)).tzinfo is UTC


def test_the_last_sample_lies_one_step_before_the_end() -> None:
    burst = Waveform(1, 0, 100.0, np.zeros(200, np.float32))
    assert burst.end_us == 1_990_000


def test_the_rms_of_a_waveform_is_about_its_mean() -> None:
    burst = Waveform(1, 0, 100.0, np.array([9.0, 11.0], np.float32))
    assert burst.rms == pytest.approx(1.0)


def test_equal_questions_have_equal_hashes_and_others_do_not() -> None:
    def hashed(scenario: Scenario, *, engine: str = "e", seed: int = 0) -> str:
        return scenario.input_hash(engine=engine, version="1", seed=seed)

    close = Intervention("close_link", ("L050/ab",))
    limit = Intervention("limit_mass", ("L050/ab",), {"mass_t": 16.0})
    scenario = Scenario("a", "today", (close, limit))
    assert hashed(scenario) == hashed(Scenario("b", "today", (close, limit)))
    others = [
        hashed(Scenario("a", "today", (limit, close))),
        hashed(Scenario("a", "yesterday", (close, limit))),
        hashed(scenario, engine="f"),
        hashed(scenario, seed=1),
    ]
    assert len({hashed(scenario), *others}) == 5


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([], MonitoringState.NO_DATA),
        ([QualityClass.STALE, QualityClass.NEVER_REPORTED], MonitoringState.NO_DATA),
        ([QualityClass.GOOD, QualityClass.SUSPECT], MonitoringState.DATA_FAULT),
        ([QualityClass.GOOD, QualityClass.SIMULATED], MonitoringState.NOT_ARMED),
    ],
)
def test_the_monitoring_state_never_claims_more_than_is_watched(
    classes: list[QualityClass], expected: MonitoringState
) -> None:
    assert monitoring_state(classes) is expected
