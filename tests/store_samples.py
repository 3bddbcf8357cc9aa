"""A small city and batches of readings for the tests of every store."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
from shapely import LineString, Point

from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.messages import Rejection
from twin.model.observations import Batch, Readings, Tally, Waveform
from twin.model.provenance import Provenance, Reference

ESTIMATED = Provenance("estimated", by="test")
SOURCED = Provenance(
    "sourced", by="survey", references=("book",), at=datetime(2020, 5, 1, 12, tzinfo=UTC)
)
LEFT, RIGHT = "left", "right"


def stream(uid: str, *, source: str = LEFT) -> Datastream:
    return Datastream(
        uid=uid,
        name=f"stream {uid}",
        asset_id="bridge",
        component_id="bridge/deck",
        quantity="strain",
        sensor_id="gauge",
        source=source,
        route_key=uid,
        provenance="simulated",
        cadence_s=10.0,
    )


def city(*, streams: int = 4) -> City:
    """Two assets, a component tree and streams; the even ones belong to source ``left``."""
    return City(
        name="test",
        references=(Reference("book", "A book", "CC0-1.0"), Reference("map", "A map")),
        assets=(
            Asset(
                id="bridge",
                asset_class="bridge",
                name="Brücke",
                geometry=LineString([(13.7, 51.0), (13.8, 51.1)]),
                geometry_provenance=SOURCED,
                attributes=(
                    Attribute("length", 180.5, "m", SOURCED),
                    Attribute("owner", "Stadt 'A'", "", ESTIMATED),
                ),
            ),
            Asset("gauge-house", "gauge", "Pegel", Point(13.75, 51.05), ESTIMATED),
        ),
        components=(
            Component("bridge/deck/mid", "bridge", "midspan", "midspan", "bridge/deck", 90.25),
            Component("bridge/deck", "bridge", "deck", "superstructure", geometry=Point(13.7, 51)),
        ),
        sensors=(Sensor("gauge", "gauge 1", "model X", "simulated"),),
        datastreams=tuple(
            stream(f"stream-{index:03}", source=RIGHT if index % 2 else LEFT)
            for index in range(streams)
        ),
    )


def readings(rows: Iterable[tuple[int, int, float]], *, quality: int = 0) -> Readings:
    """Readings from (number, time_us, value)."""
    listed = list(rows)
    return Readings(
        number=np.array([row[0] for row in listed], np.int32),
        time_us=np.array([row[1] for row in listed], np.int64),
        value=np.array([row[2] for row in listed], np.float64),
        quality=np.full(len(listed), quality, np.int16),
    )


def source_of(number: int) -> str:
    """Source of a stream of `city` by its number, which counts from 1."""
    return LEFT if number % 2 else RIGHT


def batch(
    rows: Iterable[tuple[int, int, float]] = (),
    *,
    waveforms: tuple[Waveform, ...] = (),
    rejections: tuple[Rejection, ...] = (),
    sequence: int = 1,
    incarnation: UUID | None = None,
    quality: int = 0,
) -> Batch:
    """A batch with honest tallies."""
    columns = readings(rows, quality=quality)
    numbers = [*columns.number.tolist(), *(block.number for block in waveforms)]
    sources = [source_of(number) for number in numbers] + [item.source for item in rejections]
    return Batch(
        incarnation=incarnation or uuid4(),
        sequence=sequence,
        readings=columns,
        waveforms=waveforms,
        rejections=rejections,
        tallies={name: Tally(received=sources.count(name)) for name in set(sources)},
    )


def renumbered(streams: Iterable[Datastream]) -> tuple[Datastream, ...]:
    """Streams without their numbers."""
    return tuple(replace(item, number=None) for item in streams)
