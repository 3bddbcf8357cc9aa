"""Text that tries to be SQL, or cannot be stored at all, through every text parameter."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from store_samples import ESTIMATED, LEFT, batch, city, stream

from twin.errors import TwinError
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City
from twin.model.datastreams import Sensor
from twin.model.jobs import JobStatus
from twin.model.messages import Rejection
from twin.model.observations import Batch, Tally
from twin.model.provenance import Provenance, Reference
from twin.model.scenarios import Intervention, Result, Scenario
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
HOSTILE = {
    "quote": "x'; DROP TABLE reading; --",
    "dollar": "$$; DELETE FROM asset; $$",
    "percent": "%s %(name)s %%",
    "comment": '/* -- */ \\ " ',
    "nul": "a\0b",
    "surrogate": "a\ud800b",
    "long": "ö" * 10_000,
}
BRIDGE = city().assets[0]


def _searches(store: Store, text: str) -> None:
    assert store.assets(text) == ()
    assert store.components(text) == ()
    assert store.datastreams(text) == ()
    assert store.quarantine(source=text) == ()
    assert store.runs.claim(engines=[text], expired_before=NOW, at=NOW) is None


def _tallies(store: Store, text: str) -> None:
    store.record(Batch(batch().incarnation, 1, tallies={text: Tally(received=0)}))


def _rejections(store: Store, text: str) -> None:
    rejection = Rejection(text, text, text, text, text, NOW, text.encode("utf-8", "replace"))
    store.record(batch(rejections=(rejection,)))


def _city(store: Store, text: str) -> None:
    for part in (
        City("x", references=(Reference(text, text, text),)),
        City("x", assets=(Asset(text, text, text, BRIDGE.geometry, ESTIMATED),)),
        City(
            "x",
            assets=(replace(BRIDGE, id="n", attributes=(Attribute(text, text, text, ESTIMATED),)),),
        ),
        City(
            "x",
            assets=(replace(BRIDGE, id="m", geometry_provenance=Provenance("estimated", text)),),
        ),
        City("x", components=(Component(text, "bridge", text, text),)),
        City("x", sensors=(Sensor(text, text, text, "measured"),)),
        City("x", datastreams=(replace(stream(text), name=text, quantity=text, source=text),)),
    ):
        with suppress(TwinError):
            store.load(part, at=NOW)


def _jobs(store: Store, text: str) -> None:
    store.beat(JobStatus(text, text, NOW, NOW, text, {text: 1.0}))


def _runs(store: Store, text: str) -> None:
    parts = (Intervention(text, (text,), {text: text}),)
    store.runs.submit(Scenario(text, text, parts), engine=text, version=text, seed=0, at=NOW)


def _run_messages(store: Store, text: str) -> None:
    run = store.runs.submit(Scenario("s", "b"), engine="e", version="1", seed=0, at=NOW)
    store.runs.claim(engines=["e"], expired_before=NOW, at=NOW)
    result = Result(run.id, {text: 1.0}, {text: text}, (text,), Provenance("simulated", text))
    for call in (
        lambda: store.runs.report_progress(run.id, progress=0.5, message=text, at=NOW),
        lambda: store.runs.finish(run.id, result, at=NOW),
        lambda: store.runs.fail(run.id, message=text, at=NOW),
    ):
        with suppress(TwinError):
            call()


@pytest.mark.duty("S7")
@pytest.mark.parametrize(
    "action", [_searches, _tallies, _rejections, _city, _jobs, _runs, _run_messages]
)
def test_hostile_text_is_kept_or_refused_and_changes_nothing_else(
    store: Store, action: Callable[[Store, str], None]
) -> None:
    store.record(batch([(1, 1_000_000 * int(NOW.timestamp()), 1.0)]))
    for text in HOSTILE.values():
        with suppress(TwinError):
            action(store, text)
        known = [item for item in store.assets() if item.id in ("bridge", "gauge-house")]
        assert known == list(city().assets)
        assert {item.uid: item.number for item in store.datastreams()}["stream-000"] == 1
        assert len(store.latest()) == 1
        assert store.series(1, start_us=0, end_us=2**62, limit=9).total == 1
        assert store.record(batch()).repeated is False


def test_text_comes_back_unchanged_or_readable(store: Store) -> None:
    for name, text in HOSTILE.items():
        shown = "a\ufffdb" if name in ("nul", "surrogate") else text
        if shown == text:
            store.load(City("x", references=(Reference(text, text, text),)), at=NOW)
            assert Reference(text, text, text) in store.references()
        rejection = Rejection("not_json", text, LEFT, f"{name} {text}", "json", NOW)
        store.record(batch(rejections=(rejection,)))
        entry = store.quarantine(limit=1)[0]
        assert (entry.detail, entry.topic) == (shown, f"{name} {shown}")
