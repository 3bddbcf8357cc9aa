"""Replay blocks: what they show for an instant is what the live map showed then."""

import struct
from collections.abc import Iterator
from datetime import timedelta

import httpx
import numpy as np
import pytest
from serving_town import Served, served
from town import START, STREAMS, Town

from dashboards.api.replay import (
    MOST_CELLS,
    Question,
    affordable,
    aligned,
    read_question,
    streams_of,
)
from dashboards.api.series import FieldError
from dashboards.live.channels import CHANNELS, NewestValues, encode_channels
from dashboards.live.features import read_features
from twin.model.times import to_us

T0 = {"t0": "2026-11-22T07:00:00Z"}
T1 = {"t1": "2026-11-22T08:00:00Z"}
READINGS = [uid for uid, *_, kind, _ in STREAMS if kind == "reading"]


def lived_town(minutes: int) -> tuple[Town, dict[str, list[bytes]]]:
    """A town that reported with pauses, and the bytes of its live channels at every minute."""
    town = Town()
    town.clock.now = START
    generator = np.random.default_rng(5)
    seen: dict[str, list[bytes]] = {channel.name: [] for channel in CHANNELS}
    features = read_features(town.twin)
    newest = NewestValues(features.index.is_followed)
    for step in range(minutes * 4):
        talking = READINGS if step < 4 else [uid for uid in READINGS if generator.random() < 0.3]
        if talking:
            values = {uid: float(generator.uniform(0, 60)) for uid in talking}
            quality = 4 if generator.random() < 0.2 else 0
            town.record(values, quality=quality)
        if step < 4 or generator.random() < 0.2:
            town.record_burst("B1-wave", [0.0, 1.0])
            town.clock.move(0.01)  # the burst has ended
        if step % 4 == 3:
            town.clock.now = START + timedelta(seconds=15 * (step + 1))
            newest.apply(town.twin.latest())
            now_us = to_us(town.clock.now)
            for name, (values, _) in encode_channels(features.index, newest, now_us=now_us).items():
                seen[name].append(values.tobytes())
            town.clock.move(0.5)
        else:
            town.clock.now = START + timedelta(seconds=15 * (step + 1))
    return town, seen


MINUTES = 20


@pytest.fixture(scope="module")
def lived() -> Iterator[tuple[Served, dict[str, list[bytes]]]]:
    town, seen = lived_town(MINUTES)
    with served(town) as web:
        yield web, seen


@pytest.mark.parametrize("channel", [channel.name for channel in CHANNELS])
def test_every_instant_shows_what_the_live_map_showed(
    lived: tuple[Served, dict[str, list[bytes]]], channel: str
) -> None:
    (web, seen), minutes = lived, MINUTES
    with httpx.Client(base_url=web.address, trust_env=False) as client:
        span = {
            "t0": (START + timedelta(minutes=1)).isoformat(),
            "t1": (START + timedelta(minutes=minutes + 1)).isoformat(),
        }
        answer = client.get(f"/api/replay/{channel}", params={**span, "step": 60})
        assert answer.status_code == 200
        block = answer.content
        kind, version, number, _, t_ms, n, rev = struct.unpack_from("<BBHIdII", block)
        steps, zero, step_ms = struct.unpack_from("<IId", block, 24)
        assert (kind, version, zero, step_ms) == (4, 1, 0, 60_000.0)
        assert CHANNELS[number].name == channel
        assert t_ms == (START + timedelta(minutes=1)).timestamp() * 1000
        table = web.hub.snapshot.features.tables[CHANNELS[number].table]
        assert (n, rev) == (table.rows, int(table.version[:8], 16))
        assert (steps, len(block)) == (minutes, 40 + minutes * n)
        rows = [block[40 + at * n : 40 + (at + 1) * n] for at in range(steps)]
        assert rows == seen[channel]


def test_only_who_knows_the_revision_may_keep_a_block() -> None:
    with served() as web, httpx.Client(base_url=web.address, trust_env=False) as client:
        first = client.get("/api/replay/roads.speed", params={**T0, **T1})
        assert first.headers["cache-control"] == "private, no-cache"
        rev = first.headers["etag"].strip('"')
        kept = client.get("/api/replay/roads.speed", params={**T0, **T1, "rev": rev})
        assert "immutable" in kept.headers["cache-control"]
        same = client.get(
            "/api/replay/roads.speed", params={**T0, **T1}, headers={"if-none-match": f'"{rev}"'}
        )
        assert (same.status_code, same.content) == (304, b"")
        web.town.record({"L1.ab-v": 30.0}, age_s=1800.0)
        late = client.get("/api/replay/roads.speed", params={**T0, **T1, "rev": rev})
        assert late.headers["etag"] != first.headers["etag"]
        assert late.headers["cache-control"] == "private, no-cache"
        assert client.get("/api/replay/roads.colour", params={**T0, **T1}).status_code == 404
        assert client.get("/api/replay/roads.speed", params=T0).json()["field"] == "t1"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "t0"),
        (T0, "t1"),
        ({**T0, **T1, "step": "61"}, "step"),
        ({**T0, **T1, "step": "nan"}, "step"),
        ({**T0, "t1": "2026-11-22T07:00:00Z"}, "t1"),
        ({**T0, "t1": "2028-11-22T07:00:00Z"}, "t1"),
        ({**T0, "t1": "2026-11-22T08:00:00"}, "t1"),
        ({**T0, **T1, "speed": "2"}, "speed"),
    ],
    ids=str,
)
def test_a_range_that_is_not_possible_names_its_field(
    parameters: dict[str, str], field: str
) -> None:
    with pytest.raises(FieldError) as error:
        read_question(parameters)
    assert error.value.name == field


def test_blocks_lie_on_the_grid_of_their_step() -> None:
    question = read_question({"t0": "2026-11-22T07:00:31Z", "t1": "2026-11-22T07:02:01Z"})
    assert question.start.second == question.end.second == 0
    assert question.steps == 3


def test_what_is_too_much_is_answered_with_a_coarser_step() -> None:
    town = Town()
    features = read_features(town.twin)
    streams = streams_of("roads.speed", features)
    asked = aligned(Question(START - timedelta(days=400), START, 10))
    found = affordable(town.twin, streams, asked, rows=40)
    assert found.step_s > 10
    assert found.steps * 40 <= MOST_CELLS
    with pytest.raises(FieldError):
        affordable(town.twin, streams, asked, rows=MOST_CELLS)
