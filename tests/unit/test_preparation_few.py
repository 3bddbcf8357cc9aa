"""A handful of messages gives without columns what it gives with them."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.broker.delivery import Delivery
from sensors.codecs.own import codec as own
from sensors.codecs.senml import codec as senml
from sensors.pipeline.few import FEW
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.prepared import Prepared
from sensors.routing import Router, StreamTable
from sensors.rules.quality import CLOCK_IS_SET_FROM_US, FOREVER, TimePolicy, Treatment
from twin.model.datastreams import Datastream, StreamKind, TimeSource
from twin.model.messages import CodecRule
from twin.model.quantities import quantity
from twin.model.times import from_us, to_us

NOW_US = to_us(datetime(2026, 6, 15, 8, 0, tzinfo=UTC))
DAY_US = 86_400_000_000
# where something changes: tolerance, lateness, retention
BOUNDS_US = (
    0,
    -300 * 10**6,
    600 * 10**6,
    3 * 3_600_000_000,
    DAY_US,
    2 * DAY_US,
    3 * DAY_US,
    730 * DAY_US,
    NOW_US - CLOCK_IS_SET_FROM_US,
)
RULES = (
    CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo"),
    CodecRule("twin/v2/{tenant}/{asset}/{stream}/obs", "own", "other"),
    CodecRule("senml/{site}", "senml", "demo"),
)


def stream(
    number: int,
    key: str,
    *,
    source: str = "demo",
    kind: StreamKind = "reading",
    time: TimeSource = "device",
) -> Datastream:
    return Datastream(
        uid=f"{source}.{key}", name=key, asset_id="B1", component_id=None, quantity="water_level",
        sensor_id="s", source=source, route_key=key, provenance="measured", kind=kind,
        time_source=time, number=number,
    )  # fmt: skip


STREAMS = (
    stream(1, "B1/level"),
    stream(2, "B1/acc", kind="waveform"),
    stream(3, "B1/clockless", time="server"),
    replace(stream(4, "B1/model"), provenance="simulated"),
    replace(stream(5, "B1/hourly"), cadence_s=3600.0),
    stream(6, "B1/level", source="other"),
)
STRICT = Treatment(quarantines_late=True, late_after=timedelta(days=2))
POLICIES = (
    TimePolicy(timedelta(minutes=5), timedelta(days=730)),
    TimePolicy(timedelta(0), FOREVER, treatments={"demo": STRICT}),
    TimePolicy(timedelta(1), timedelta(3), treatments={"demo": Treatment(takes_server_time=True)}),
)
PIPELINES = [
    Pipeline.of(Router(RULES), {"own": own, "senml": senml}, StreamTable(STREAMS), policy)
    for policy in POLICIES
]
TOPICS = (
    *(f"twin/v1/demo/B1/{name}/obs" for name in ("level", "acc", "clockless", "model", "hourly")),
    "twin/v2/demo/B1/level/obs",
    "twin/v1/demo/B1/unknown/obs",
    "senml/x",
)
AGES_US = st.one_of(
    st.integers(-400 * 10**6, 4 * DAY_US),
    st.builds(int.__add__, st.sampled_from(BOUNDS_US), st.sampled_from([-2, -1, 0, 1, 2, 10**7])),
    st.integers(700 * DAY_US, 20_000 * DAY_US),
)
VALUES = st.one_of(
    st.floats(-5, 5).map(repr), st.sampled_from(["1e300", "0", "-0", "null", "1e999", '"x"'])
)
EXTRAS = st.sampled_from(["", ', "seq": 7', ', "q": ["suspect"]', ', "q": ["late"]', ', "more": 1'])


def item(age_us: int, value: str, extra: str) -> str:
    time = from_us(NOW_US - age_us)
    return f'{{"t": "{time:%Y-%m-%dT%H:%M:%S.%f}Z", "v": {value}{extra}}}'


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    items = draw(st.lists(st.tuples(AGES_US, VALUES, EXTRAS), min_size=1, max_size=3))
    texts = [item(*one) for one in items]
    return (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]").encode()


@st.composite
def runs(draw: st.DrawFn) -> list[Delivery]:
    count = draw(st.integers(1, FEW))
    flag = st.sampled_from([False, False, False, True])
    topics = draw(st.sampled_from([TOPICS[:1], (TOPICS[0], *TOPICS[3:5]), TOPICS[:5], TOPICS]))
    return [
        Delivery(
            connection=1,
            packet=row + 1,
            qos=1,
            topic=draw(st.sampled_from(topics)).encode(),
            payload=draw(payloads()),
            received_us=NOW_US + row,
            is_retained=draw(flag) and draw(flag),
            is_repeat=draw(flag),
        )
        for row in range(count)
    ]


def flat(prepared: Prepared) -> dict[str, object]:
    """Everything in it that can be compared, columns with their types."""
    found: dict[str, object] = {}
    for one in fields(prepared):
        value = getattr(prepared, one.name)
        if one.name in ("readings", "arrivals", "rows"):
            names = getattr(value, "_fields", None) or type(value).__slots__
            found |= {f"{one.name}.{name}": column(getattr(value, name)) for name in names}
        elif one.name == "stream":
            found[one.name] = column(value)
        elif one.name != "columns":
            found[one.name] = value
    return found


def column(values: np.ndarray) -> tuple[str, list[object]]:
    return values.dtype.str, values.tolist()


def assert_same(
    pipeline: Pipeline, deliveries: list[Delivery], unsure_from_us: int | None = None
) -> None:
    """The pipeline gives the same with and without the shorter way."""
    for one in deliveries:
        pipeline.lanes.find(one.topic)
    found, expected = (
        way.prepare(deliveries, most_readings=1000, unsure_from_us=unsure_from_us)
        for way in (pipeline, replace(pipeline, few=None))
    )
    assert flat(found) == flat(expected)


@given(runs(), st.sampled_from(PIPELINES), st.sampled_from([None, NOW_US + 2]))
def test_a_few_messages_are_prepared_as_columns_would_be(
    deliveries: list[Delivery], pipeline: Pipeline, unsure_from_us: int | None
) -> None:
    assert_same(pipeline, deliveries, unsure_from_us)


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("topic", TOPICS)
def test_on_every_bound_both_ways_agree(pipeline: Pipeline, topic: str) -> None:
    limits = quantity("water_level")
    values = (limits.lower_limit, limits.upper_limit, limits.upper_limit * 1.01, 0.5)
    for age_us in (bound + step for bound in BOUNDS_US for step in (-1, 0, 1)):
        for value in values:
            payload = item(age_us, repr(value), "").encode()
            one = Delivery(1, 1, 1, topic.encode(), payload, NOW_US)
            assert_same(pipeline, [one])


@pytest.mark.parametrize("stream_name", ["level", "model", "hourly"])
def test_ordinary_messages_do_without_columns(stream_name: str) -> None:
    few, lanes = PIPELINES[0].few, PIPELINES[0].lanes
    topic = f"twin/v1/demo/B1/{stream_name}/obs".encode()
    lanes.find(topic)
    payload = b'{"t": "2026-06-15T07:59:59Z", "v": 1.5, "seq": 3}'
    deliveries = [Delivery(1, row, 1, topic, payload, NOW_US + row) for row in range(1, FEW + 1)]
    assert few is not None
    found = few.prepare(deliveries, unsure_from_us=None)
    assert found is not None
    assert found.readings.value.tolist() == [1.5] * FEW
    assert few.prepare([*deliveries, deliveries[0]], unsure_from_us=None) is None
