"""A bridge that sent the strain of two sections of one span while simulated lorries crossed it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import numpy as np
from bridge_city import BRIDGE_ID, MADE, city

from sensors.simulator.bridge_world.crossings import Lorry, Span, strains
from simulations.bridges import strainsite
from twin.city import Twin
from twin.model.assets import Attribute, Component
from twin.model.datastreams import Datastream
from twin.model.observations import Batch, Tally, Waveform
from twin.model.provenance import ProvenanceKind
from twin.model.times import to_us
from twin.store.memory import MemoryStore

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RATE_HZ = 100.0
BLOCK = 1000
SPAN = Span()
FACTS: tuple[tuple[str, float | str, str], ...] = (
    (strainsite.CALIBRATION, SPAN.strain_per_moment, "um/m/(kN.m)"),
    (strainsite.CALIBRATION_SD, 1.0, "%"),
    (strainsite.CALIBRATED_ON, "2026-02-01", ""),
    (strainsite.SPAN, SPAN.length_m, "m"),
)


def stream(number: int) -> Datastream:
    uid = f"{BRIDGE_ID}.strain_wave_{number}"
    return Datastream(
        uid=uid,
        name=uid,
        asset_id=BRIDGE_ID,
        component_id=f"{BRIDGE_ID}/section_{number}",
        quantity="strain",
        sensor_id="S1",
        source="demo",
        route_key=f"{BRIDGE_ID}/strain_wave_{number}",
        provenance="simulated",
        kind="waveform",
    )


def twin_of(
    passing: Sequence[Lorry],
    *,
    duration_s: float,
    facts: Sequence[tuple] = FACTS,
    seed: int = 1,
    provenance: ProvenanceKind = "simulated",
) -> Twin:
    """A bridge that sent the strain of two sections in blocks of ten seconds."""
    base = city()
    sections = range(1, len(SPAN.gauges_m) + 1)
    attributes = tuple(Attribute(name, value, unit, MADE) for name, value, unit in facts)
    ticks = count()
    now = START + timedelta(seconds=duration_s)
    twin = Twin(MemoryStore(), clock=lambda: now + timedelta(microseconds=next(ticks)))
    twin.load(
        replace(
            base,
            assets=(replace(base.assets[0], attributes=attributes),),
            components=tuple(
                Component(
                    f"{BRIDGE_ID}/section_{n}", BRIDGE_ID, f"S{n}", "section", station_m=gauge
                )
                for n, gauge in zip(sections, SPAN.gauges_m, strict=True)
            ),
            datastreams=tuple(replace(stream(n), provenance=provenance) for n in sections),
        )
    )
    _, strain = strains(tuple(passing), SPAN, rate_hz=RATE_HZ, duration_s=duration_s, seed=seed)
    numbers = {item.uid: item.number or 0 for item in twin.datastreams()}
    blocks = tuple(
        Waveform(
            number=numbers[stream(n).uid],
            t0_us=to_us(START) + round(first / RATE_HZ * 1e6),
            rate_hz=RATE_HZ,
            samples=strain[first : first + BLOCK, n - 1].astype(np.float32),
        )
        for n in sections
        for first in range(0, len(strain), BLOCK)
    )
    twin.record(Batch(uuid4(), 1, waveforms=blocks, tallies={"demo": Tally()}))
    return twin
