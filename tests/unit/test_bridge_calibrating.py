"""A person calibrates: weighing to lorries of known weight, the model to frequencies of now."""

import argparse
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from strain_city import BRIDGE_ID, FACTS, SPAN, START, twin_of
from structure_city import BRIDGE_ID as BEAM_ID
from structure_city import FACTS as BEAM_FACTS
from structure_city import START as BEAM_START
from structure_city import Clock, frequency_stream, hear, structure_twin

from dashboards.i18n.translate import Texts
from dashboards.widgets.bridge_tables import model_tables
from sensors.simulator.bridge_world.crossings import Lorry, lorries
from simulations.bridges import crossings, structures
from simulations.bridges.calibratecommand import calibrate
from simulations.bridges.calibrating import COLUMNS, read_runs
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import Rounds
from simulations.bridges.strainsite import MODEL, registered
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.errors import InsufficientData, ModelError, OutOfValidity
from twin.model.times import to_us

F1_HZ = 3.218228
ONLY_SPAN = FACTS[-1:]


def noted(tmp_path: Path, passing: Sequence[Lorry], *, share: float = 1.0, late_s: float = 0.0):
    """Runs as somebody at the bridge notes them: to the second, axles from the scales."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for one in passing:
        at = (START + timedelta(seconds=one.time_s + late_s)).replace(microsecond=0)
        gaps = [b - a for a, b in zip(one.axle_offset_m, one.axle_offset_m[1:], strict=False)]
        loads = " ".join(f"{share * load:.2f}" for load in one.axle_load_kn)
        rows.writerow([at.isoformat(), loads, " ".join(f"{gap:.2f}" for gap in gaps)])
    file = tmp_path / "runs.csv"
    file.write_text(out.getvalue())
    return file


def options(**given: object) -> argparse.Namespace:
    usual = {"by": "bridge-office", "reason": "test lorry", "since": None, "lorries": None}
    return argparse.Namespace(**{**usual, "accept": False, "is_trial": False, **given})


@pytest.fixture(scope="module")
def passing() -> tuple[Lorry, ...]:
    return lorries(5, gap_s=40.0, name="rigid_3", seed=3)


def test_weighed_lorries_calibrate_a_site_and_later_vehicles_are_weighed_by_it(
    tmp_path: Path, passing: tuple[Lorry, ...]
) -> None:
    twin = twin_of(passing, duration_s=240.0, facts=ONLY_SPAN)
    file = noted(tmp_path, passing[:4], late_s=1.0)
    said = calibrate(twin, BRIDGE_ID, options(lorries=file), language="en")
    assert said[-2:] == [
        "There is no calibration before it to compare with.",
        "Kept as bwim, version 1; earlier versions stay.",
    ]
    (bridge,) = bridges(twin)
    found = registered(bridge)
    assert found is not None
    assert found.factor == pytest.approx(SPAN.strain_per_moment, rel=0.02)
    assert 0.01 < found.sd < 0.03
    assert Rounds(twin, [crossings.ANALYSIS]).all_due() == 1
    events = twin.bridges.events(
        BRIDGE_ID, "crossing", start=START, end=START + timedelta(hours=1), limit=9
    )
    gross = [event.figures["gross_kn"] for event in reversed(events)]
    assert gross == pytest.approx([sum(one.axle_load_kn) for one in passing], rel=0.05)
    assert {event.words["calibration"] for event in events} == {"2026-03-02 (bwim 1)"}


def test_the_next_calibration_is_the_next_version_with_person_reason_and_origin(
    tmp_path: Path, passing: tuple[Lorry, ...]
) -> None:
    twin = twin_of(passing, duration_s=240.0)
    file = noted(tmp_path, passing)
    for number in (1, 2):
        said = calibrate(twin, BRIDGE_ID, options(lorries=file), language="de")
        assert said[-1].startswith(f"Gespeichert als bwim, Version {number}")
        assert said[-2].startswith("Das ist das")
    model = twin.bridges.models(BRIDGE_ID)[-1]
    kept = json.loads(model.content)
    assert (model.name, model.version, model.owner) == (MODEL, 2, "bridge-office")
    assert (kept["reason"], kept["provenance"]) == ("test lorry", ["simulated"])
    assert model.metric[2] == 5
    shown = str(model_tables(read_bridge(twin, BRIDGE_ID), Texts("de", "Europe/Berlin")))
    assert "Wägung während der Fahrt" in shown


def test_a_trial_keeps_nothing(tmp_path: Path, passing: tuple[Lorry, ...]) -> None:
    twin = twin_of(passing, duration_s=240.0)
    trial = options(lorries=noted(tmp_path, passing), is_trial=True)
    assert calibrate(twin, BRIDGE_ID, trial, language="en")[-1].startswith("Nothing was kept")
    assert twin.bridges.models(BRIDGE_ID) == ()


def test_a_factor_far_from_the_one_before_is_refused_unless_somebody_accepts_it(
    tmp_path: Path, passing: tuple[Lorry, ...]
) -> None:
    twin = twin_of(passing, duration_s=240.0)
    wrong = options(lorries=noted(tmp_path, passing, share=0.4))
    with pytest.raises(OutOfValidity, match=r"2\.5 times the one before"):
        calibrate(twin, BRIDGE_ID, wrong, language="en")
    assert twin.bridges.models(BRIDGE_ID) == ()
    calibrate(twin, BRIDGE_ID, options(lorries=wrong.lorries, accept=True), language="en")
    (model,) = twin.bridges.models(BRIDGE_ID)
    assert "accepted" in model.purpose


def test_runs_that_are_too_few_missing_or_of_another_lorry_are_refused(
    tmp_path: Path, passing: tuple[Lorry, ...]
) -> None:
    twin = twin_of(passing, duration_s=240.0)

    def refused(error: type[ModelError], words: str, runs: Sequence[Lorry]) -> None:
        with pytest.raises(error, match=words):
            calibrate(twin, BRIDGE_ID, options(lorries=noted(tmp_path, runs)), language="en")

    refused(InsufficientData, "2 runs of a weighed lorry, needed are 3", passing[:2])
    away = [replace(one, time_s=one.time_s + 36_000.0) for one in passing]
    refused(InsufficientData, r"run 5 .* no strain of all sections", away)
    long = [replace(one, axle_offset_m=(0.0, 7.0, 14.0)) for one in passing]
    refused(OutOfValidity, "run 1: residual", long)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("passed_at;axle_kn\n", "no column passed_at, axle_kn, spacing_m"),
        ("passed_at,axle_kn,spacing_m\nnoon,60 90,4.8\n", "row 2: Invalid isoformat"),
        ("passed_at,axle_kn,spacing_m\n2026-03-02T08:00,60 90,4.8\n", "needs an offset"),
        ("passed_at,axle_kn,spacing_m\n2026-03-02T08:00Z,60 -90,4.8 1\n", r"axle_kn\[1\] is -90"),
        ("passed_at,axle_kn,spacing_m\n2026-03-02T08:00Z,60 90,\n", "need 1 distances, got 0"),
    ],
)
def test_a_wrong_file_of_runs_is_refused_with_its_rows(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_runs(text)


def beam(hz: float) -> tuple[Twin, Clock]:
    clock = Clock(BEAM_START)
    twin = structure_twin(BEAM_FACTS, clock, [frequency_stream(1)])
    hear(twin, 1, hz, until=BEAM_START)
    return twin, clock


def test_the_model_is_calibrated_anew_and_later_looks_keep_to_it() -> None:
    twin, clock = beam(F1_HZ)
    Rounds(twin, [structures.ANALYSIS]).all_due()
    clock.now += timedelta(days=60)
    hear(twin, 1, 1.2 * F1_HZ, until=clock.now, hours=400)
    day = f"{clock.now - timedelta(days=16):%Y-%m-%d}"
    said = calibrate(twin, BEAM_ID, options(since=day, reason="repair"), language="en")
    assert said[-1] == "Kept as structure, version 2; earlier versions stay."
    assert "stiffness times 1.67" in said[0]
    assert "allowed are 0.5 to 2" in said[0]
    first, second = twin.bridges.models(BEAM_ID)
    assert (first.owner, second.owner) == ("stadtzwilling", "bridge-office")
    assert second.purpose.endswith("(simulated); calibrated anew by bridge-office: repair")
    (state,) = read_bridge(twin, BEAM_ID).structure
    assert state.version == 2
    for _ in range(2):
        clock.now += timedelta(hours=7)
        Rounds(twin, [structures.ANALYSIS]).all_due()
    (later,) = read_bridge(twin, BEAM_ID).structure
    assert (later.version, later.measured_from_us) == (2, state.measured_from_us)
    assert later.measured_from_us >= to_us(clock.now - timedelta(days=18))
    assert len(twin.bridges.models(BEAM_ID)) == 2


def test_a_model_that_would_need_an_implausible_stiffness_is_refused_and_nothing_kept() -> None:
    twin, _ = beam(2.0 * F1_HZ)
    with pytest.raises(OutOfValidity, match=r"factor of 4\.6.*, outside of 0.5 to 2"):
        calibrate(twin, BEAM_ID, options(), language="en")
    assert twin.bridges.models(BEAM_ID) == ()
    assert read_bridge(twin, BEAM_ID).structure == ()


def test_without_frequencies_or_person_or_reason_it_is_refused() -> None:
    twin = structure_twin(BEAM_FACTS, Clock(BEAM_START), [frequency_stream(1)])
    with pytest.raises(InsufficientData, match="no mode has 30 hourly values"):
        calibrate(twin, BEAM_ID, options(), language="en")
    with pytest.raises(ModelError, match=r"--by needs .* --reason is empty; .* --since is 'May'"):
        calibrate(twin, BEAM_ID, options(by="A B", reason=" ", since="May"), language="en")
