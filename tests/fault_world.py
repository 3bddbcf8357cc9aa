"""A labelled world of faults, loads and damage at one bridge, and what the analyses make of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bridge_city import BRIDGE_ID, START_US, twin_of

from sensors.simulator.bridge_world.hourly import HourlyWorld, play
from sensors.simulator.bridge_world.truth import (
    Damage,
    Fault,
    Loading,
    draw,
    loss,
)
from simulations.bridges.analyses import ANALYSES
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import look
from twin.model.findings import Finding

HOURS = 400 * 24
END = HOURS
LABELS = ("none", "sensor_fault", "temperature", "traffic", "structure", "open")


@dataclass(frozen=True)
class Case:
    """One kind of trouble: what makes it, and what it must be called."""

    name: str
    truth: str
    faults: tuple[Fault, ...] = ()
    loadings: tuple[Loading, ...] = ()
    damages: tuple[Damage, ...] = ()
    stiffness_loss: float = 0.0


SWING = Loading("temperature_swing", END - 60, END + 20, 40.0)
CASES = (
    Case("sound", "none"),
    Case("stuck", "sensor_fault", faults=(Fault("stuck", "crack_1", END - 480, END),)),
    Case("drift", "sensor_fault", faults=(Fault("drift", "crack_1", END - 1400, END, 30.0),)),
    Case("spike", "sensor_fault", faults=(Fault("spike", "travel_1", END - 480, END, 60.0),)),
    Case("clock", "sensor_fault", faults=(Fault("clock", "travel_1", END - 400, END, 3.0),)),
    Case("temperature swing", "temperature", loadings=(SWING,)),
    Case("convoy", "traffic", loadings=(Loading("convoy", END - 30, END - 20, 12.0),)),
    Case("stiffness loss", "structure", stiffness_loss=0.015),
    Case("crack growth", "structure", damages=(Damage("crack_trend", END - 1500, 0.004),)),
    Case("bearing locked", "structure", damages=(Damage("bearing_locked", END - 900, 0.9),)),
)


def world_of(case: Case, seed: int) -> HourlyWorld:
    damages = case.damages
    if case.stiffness_loss:
        damages = (*damages, loss(seed, onset_h=END - 500, size=case.stiffness_loss))
    return play(
        draw(seed),
        start_us=START_US,
        hours=HOURS,
        damages=damages,
        faults=case.faults,
        loadings=case.loadings,
    )


def judged(world: HourlyWorld) -> tuple[str, tuple[Finding, ...], tuple[str, ...]]:
    """What the product calls it: cause of the worst finding, else why the watch is not armed."""
    twin = twin_of(world)
    try:
        (bridge,) = bridges(twin, asset_id=BRIDGE_ID)
        found = [look(bridge, item) for item in ANALYSES if item.concerns(bridge)]
    finally:
        twin.close()
    findings = tuple(finding for one in found for finding in one.outcome.findings)
    reasons = [one.reason for one in found if one.reason is not None]
    silent = tuple(part.key for reason in reasons for part in (reason, *reason.parts))
    causes = Counter(finding.cause or "open" for finding in findings)
    order = ("structure", "traffic", "sensor_fault", "temperature", "open")
    for cause in order:
        if causes[cause]:
            return cause, findings, silent
    if "not_armed.outside_trained_range" in silent:
        return "temperature", findings, silent
    return "none", findings, silent


def confusion(seeds: Sequence[int]) -> dict[tuple[str, str], int]:
    """How often each case was called what."""
    counts: Counter[tuple[str, str]] = Counter()
    for case in CASES:
        for seed in seeds:
            label, _, _ = judged(world_of(case, seed))
            counts[case.name, label] += 1
    return dict(counts)
