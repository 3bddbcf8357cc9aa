"""The job `quarantine`: what it shows, what a replay stores, and that it changes nothing twice."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from shapely import Point

from sensors.broker import Delivery
from sensors.codecs.mapped_json import codec as json_codec
from sensors.codecs.own import codec as own
from sensors.pipeline.preparation import Pipeline
from sensors.recovery import quarantine
from sensors.recovery.replaying import Replayer, in_order, pages
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy, Treatment
from twin.city import Twin
from twin.errors import SettingsError
from twin.model.assets import Asset
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.messages import CodecRule, Rejection, TimeRule, ValueRule
from twin.model.observations import Batch, Tally
from twin.model.provenance import Provenance
from twin.model.quarantine import CaseFilter
from twin.model.times import to_us, utc_now
from twin.store import MemoryStore

NOW = utc_now().replace(microsecond=0)
YESTERDAY = NOW - timedelta(days=1)
OWN = CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo")
MAPPED = CodecRule(
    "yard/{site}", "json", "yard", key="{site}", time=TimeRule("/t", unit="s"),
    value=(ValueRule("/temp", "air_temperature", "Cel", required=True),),
)  # fmt: skip


def datastream(uid: str, route_key: str, *, source: str = "demo", quantity: str = "strain"):
    return Datastream(
        uid=uid, name=uid, asset_id="B1", component_id=None, quantity=quantity, sensor_id="x",
        source=source, route_key=route_key, provenance="measured",
    )  # fmt: skip


def city(*streams: Datastream) -> City:
    return City(
        name="t",
        assets=(Asset("B1", "bridge", "B", Point(13, 51), Provenance("estimated", by="t")),),
        sensors=(Sensor("x", "x", "m", "measured"),),
        datastreams=streams,
    )


class Bench:
    """A twin in memory, and messages that arrive through a pipeline."""

    def __init__(self, *streams: Datastream, rules: tuple[CodecRule, ...] = (OWN, MAPPED)) -> None:
        self.twin = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
        self.twin.load(city(*streams))
        self.rules = rules
        self.treatments: dict[str, Treatment] = {}

    @property
    def pipeline(self) -> Pipeline:
        policy = TimePolicy(timedelta(minutes=5), timedelta(days=100), treatments=self.treatments)
        codecs = {"own": own, "json": json_codec}
        return Pipeline.of(Router(self.rules), codecs, StreamTable(self.twin.datastreams()), policy)

    def receive(self, topic: str, payload: object, *, at: datetime = YESTERDAY) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        delivery = Delivery(0, 0, 1, topic.encode(), content, to_us(at), False, False)  # noqa: FBT003
        found = self.pipeline.prepare([delivery], most_readings=10_000)
        self.twin.record(
            Batch(
                uuid4(), 1, readings=found.readings, arrivals=found.arrivals,
                rejections=found.rejections, tallies=found.tallies,
            )
        )  # fmt: skip

    def ids(self, **chosen: str) -> list[int]:
        return in_order(pages(self.twin, CaseFilter(**chosen)))  # pyrefly: ignore[bad-argument-type]

    def replay(self) -> list[tuple[str, int, int]]:
        replayer = Replayer(self.twin, self.pipeline)
        done = [replayer.replay(case_id) for case_id in self.ids()]
        return [(one.verdict, one.stored, one.duplicate) for one in done]

    def values(self, uid: str) -> list[float]:
        span = {"start": NOW - timedelta(days=9), "end": NOW + timedelta(days=1)}
        return self.twin.series(uid, **span)[1].value.tolist()

    def balance(self) -> tuple[int, int, int, int]:
        rows = self.twin.balance(days=5)
        for row in rows:
            assert row.received == row.stored + row.duplicate + row.quarantined
        return (
            sum(row.received for row in rows),
            sum(row.stored for row in rows),
            sum(row.duplicate for row in rows),
            sum(row.quarantined for row in rows),
        )


def test_unknown_streams_are_stored_once_they_are_registered() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    for second in range(3):
        bench.receive(
            "twin/v1/t/B1/new/obs", {"t": (YESTERDAY.timestamp() + second) * 1000, "v": second}
        )
    assert bench.replay() == [("failed again", 0, 0)] * 3
    assert bench.balance() == (3, 0, 0, 3)
    bench.twin.load(city(datastream("B1.a", "B1/a"), datastream("B1.new", "B1/new")))
    assert bench.replay() == [("replayed", 1, 0)] * 3
    assert bench.values("B1.new") == [0.0, 1.0, 2.0]
    assert bench.balance() == (3, 3, 0, 0)
    assert bench.replay() == []
    days = {row.day.date() for row in bench.twin.balance(days=5) if row.stored}
    assert days == {YESTERDAY.date()}


def test_a_replay_never_looks_through_all_open_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    for second in range(3):
        bench.receive(
            "twin/v1/t/B1/new/obs", {"t": (YESTERDAY.timestamp() + second) * 1000, "v": second}
        )
    bench.twin.load(city(datastream("B1.new", "B1/new")))
    replayer, ids = Replayer(bench.twin, bench.pipeline), bench.ids()
    monkeypatch.delattr(type(bench.twin), "cases")
    assert [replayer.replay(case_id).verdict for case_id in ids] == ["replayed"] * 3


def test_a_dry_run_says_what_would_happen_and_writes_nothing() -> None:
    bench = Bench()
    bench.receive("twin/v1/t/B1/new/obs", {"v": 1, "t": YESTERDAY.isoformat()})
    bench.twin.load(city(datastream("B1.new", "B1/new")))
    replayer = Replayer(bench.twin, bench.pipeline)
    done = replayer.replay(bench.ids()[0], is_dry=True)
    assert (done.verdict, done.stored) == ("replayed", 1)
    assert bench.values("B1.new") == []
    assert bench.balance() == (1, 0, 0, 1)
    assert len(bench.ids()) == 1


def test_a_dry_run_tells_what_the_real_run_then_does() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    start = YESTERDAY.timestamp() * 1000
    both = [{"t": start + row, "v": row} for row in range(2)]
    bench.receive("twin/v1/t/B1/a/obs", [*both, {"t": NOW.timestamp() * 1000, "v": 1}])
    bench.receive("twin/v1/t/B1/new/obs", [{"t": start, "v": 1}, {"t": start, "v": 1}])
    bench.receive("twin/v1/t/B1/new/obs", [{"t": start, "v": 1}, {"t": start + 5, "v": 2}])
    bench.receive("twin/v1/t/B1/a/obs", {"t": start, "v": 77})
    bench.receive("twin/v1/t/B1/none/obs", [{"seq": 1, "v": 3}, {"seq": 2, "v": 3}])
    bench.receive("twin/v1/t/B1/none/obs", [{"seq": 1, "v": 3}, {"seq": 2, "v": 3}, {"v": 3}])
    bench.twin.load(city(
        datastream("B1.a", "B1/a"), datastream("B1.new", "B1/new"), datastream("B1.none", "B1/none")
    ))  # fmt: skip
    before = bench.balance()
    ids = bench.ids()
    dry, real = Replayer(bench.twin, bench.pipeline), Replayer(bench.twin, bench.pipeline)
    foreseen = [dry.replay(case_id, is_dry=True) for case_id in ids]
    assert bench.balance() == before
    assert [real.replay(case_id) for case_id in ids] == foreseen
    assert sum(one.stored for one in foreseen) == 4


def test_a_replay_that_fails_again_and_again_changes_no_count() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    start = YESTERDAY.timestamp() * 1000
    bench.receive("twin/v1/t/B1/a/obs", [{"t": start, "v": 1}, {"t": start + 1, "v": 2}, {"v": 3}])
    bench.receive("twin/v1/t/B1/a/obs", [{"seq": 7, "v": 1}, {"v": 3}])
    bench.receive("twin/v1/t/B1/a/obs", {"t": start, "v": 77})
    before = bench.balance()
    entries = bench.twin.quarantine()
    for _ in range(3):
        assert {verdict for verdict, _, _ in bench.replay()} == {"failed again"}
        assert bench.balance() == before
    assert [one.seen for one in bench.twin.quarantine()] == [one.seen for one in entries]


def test_a_corrected_mapping_stores_what_a_renamed_field_kept_out() -> None:
    bench = Bench(datastream("Y", "yard1#/temp", source="yard", quantity="air_temperature"))
    seconds = YESTERDAY.timestamp()
    bench.receive("yard/yard1", {"t": seconds, "temp": 5.0})
    bench.receive("yard/yard1", {"t": seconds + 1, "temperature": 6.0})
    assert [entry.reason for entry in bench.twin.quarantine()] == ["missing_field"]
    bench.rules = (
        OWN,
        replace(MAPPED, value=(replace(MAPPED.value[0], path="/temperature"),)),
    )
    bench.twin.load(city(
        datastream("Y", "yard1#/temperature", source="yard", quantity="air_temperature"),
    ))  # fmt: skip
    assert bench.replay() == [("replayed", 1, 0)]
    assert bench.values("Y") == [5.0, 6.0]
    assert bench.balance() == (2, 2, 0, 0)


def test_a_repeated_message_is_settled_with_all_its_deliveries() -> None:
    bench = Bench()
    for _ in range(4):
        bench.receive("twin/v1/t/B1/new/obs", {"t": YESTERDAY.timestamp() * 1000, "v": 1})
    bench.twin.load(city(datastream("B1.new", "B1/new")))
    assert bench.replay() == [("replayed", 1, 0)]
    assert bench.balance() == (4, 1, 3, 0)


def test_values_that_are_kept_without_their_message_are_settled_with_it() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    ahead = NOW.timestamp() * 1000
    items = [{"t": YESTERDAY.timestamp() * 1000, "v": 9.0}]
    items += [{"t": ahead + row, "v": row} for row in range(3)]
    bench.receive("twin/v1/t/B1/a/obs", items)
    assert len(bench.ids()) == 3
    assert bench.balance() == (4, 1, 0, 3)
    bench.treatments = {"demo": Treatment(takes_server_time=False)}
    late = bench.pipeline
    wide = replace(late, policy=replace(late.policy, future_tolerance=timedelta(days=3)))
    done = [Replayer(bench.twin, wide).replay(case_id) for case_id in bench.ids()]
    assert [one.verdict for one in done] == ["replayed", "cannot", "cannot"]
    assert sorted(bench.values("B1.a")) == [0.0, 1.0, 2.0, 9.0]
    received, stored, duplicate, quarantined = bench.balance()
    assert (stored, quarantined) == (4, 0)
    assert received == stored + duplicate


def test_a_message_that_is_partly_wrong_stores_its_good_values_and_stays() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    bench.receive("twin/v1/t/B1/a/obs", [{"v": 1.0, "t": 1}, {"v": "x"}])
    reasons = [entry.reason for entry in bench.twin.quarantine()]
    assert len(reasons) == 2
    assert {verdict for verdict, _, _ in bench.replay()} == {"failed again"}
    assert bench.balance()[3] == 2


def test_a_payload_that_was_not_kept_says_so() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    bench.receive("twin/v1/t/B1/a/obs", b"x" * (256 * 1024 + 1))
    (case_id,) = bench.ids()
    done = Replayer(bench.twin, bench.pipeline).replay(case_id)
    assert done.verdict == "cannot"
    assert "262145 bytes only the first 4096 are kept" in done.detail
    assert bench.balance() == (1, 0, 0, 1)


def test_a_conflict_is_stored_once_its_source_may_correct() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    time = YESTERDAY.timestamp() * 1000
    bench.receive("twin/v1/t/B1/a/obs", {"t": time, "v": 1.0})
    bench.receive("twin/v1/t/B1/a/obs", {"t": time, "v": 2.0})
    assert [entry.reason for entry in bench.twin.quarantine()] == ["conflict"]
    assert bench.replay() == [("failed again", 0, 0)]
    assert bench.values("B1.a") == [1.0]
    bench.treatments = {"demo": Treatment(is_correcting=True)}
    assert bench.replay() == [("replayed", 1, 0)]
    assert bench.values("B1.a") == [2.0]


def test_a_reading_without_registered_datastream_or_message_cannot_be_replayed() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    rejections = (
        Rejection("db_rejected", "no", source="demo", datastream_number=99,
                  time_us=to_us(NOW), value=1.0),
        Rejection("db_rejected", "no", source="demo", datastream_number=1, payload=b"samples"),
    )  # fmt: skip
    bench.twin.record(Batch(uuid4(), 1, rejections=rejections, tallies={"demo": Tally(received=2)}))
    assert {verdict for verdict, _, _ in bench.replay()} == {"cannot"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The job runs on this twin instead of opening one."""
    bench = Bench()
    bench.receive("twin/v1/t/B1/new/obs", {"v": 1, "t": YESTERDAY.isoformat()})
    bench.receive("twin/v1/t/B1/\x1b[31m/obs", b"\xff\x00")
    monkeypatch.setattr(quarantine, "open_twin", lambda _settings, *, role: bench.twin)  # noqa: ARG005
    monkeypatch.setattr(quarantine, "_pipeline", lambda _twin, _settings: bench.pipeline)
    monkeypatch.setattr(bench.twin, "close", lambda: None)
    return bench


def run(*arguments: str) -> int:
    return quarantine.command(None, arguments)  # pyrefly: ignore[bad-argument-type]


@pytest.mark.usefixtures("bench")
def test_the_list_is_a_table_that_no_topic_can_break(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["id", "last"]
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert run("list", "--reason", "unknown_stream", "--json") == 0
    (entry,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (entry["reason"], entry["source"], entry["seen"]) == ("unknown_stream", "demo", 1)


def test_one_entry_is_shown_with_its_payload(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    (case_id,) = bench.ids(reason="unknown_stream")
    assert run("show", str(case_id), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert json.loads(shown["head"])["v"] == 1
    assert shown["is_replayable"] is True
    assert run("show", str(case_id)) == 0
    assert "unknown_stream" in capsys.readouterr().out


def test_replay_tells_what_it_did_and_fails_if_something_could_not(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("replay", "--dry-run") == 1
    assert "dry run, nothing written: 0 replayed, 2 failed again" in capsys.readouterr().out
    bench.twin.load(city(datastream("B1.new", "B1/new")))
    assert run("replay", "--stream", "B1.new", "--reason", "unknown_stream") == 0
    assert "1 replayed, 0 failed again" in capsys.readouterr().out
    assert run("replay", "4711") == 1
    assert "no entry 4711" in capsys.readouterr().out


def test_discarding_wants_to_know_what(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match="--reason"):
        run("discard")
    assert run("discard", "--reason", "unknown_stream", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"discarded": 1}
    assert len(bench.ids()) == 1
    assert run("list", "--all") == 0
    assert "discarded" in capsys.readouterr().out


def test_a_list_that_is_cut_says_so(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--limit", "1") == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "only the newest 1 are listed" in shown.err
    assert run("list", "--limit", str(len(bench.ids()))) == 0
    assert capsys.readouterr().err == ""


def test_a_contradiction_is_listed_with_the_id_of_its_datastream(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.twin.load(city(datastream("B1.a", "B1/a")))
    for value in (1.0, 2.0):
        bench.receive("twin/v1/t/B1/a/obs", {"t": YESTERDAY.isoformat(), "v": value})
    assert run("list", "--reason", "conflict") == 0
    assert "B1.a" in capsys.readouterr().out
    assert run("list", "--stream", "B1.a", "--json") == 0
    assert json.loads(capsys.readouterr().out)["datastream"] == "B1.a"


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("option", "hint"),
    [
        (("--reason", "unknown_stram"), "did you mean 'unknown_stream'"),
        (("--reason", "?"), "known: "),
        (("--stream", "B2.strain"), "id of no datastream and part of no topic"),
    ],
)
def test_what_is_unknown_is_named_with_what_may_be_meant(
    option: tuple[str, str], hint: str
) -> None:
    with pytest.raises(SettingsError, match=hint):
        run("list", *option)


@pytest.mark.usefixtures("bench")
def test_a_part_of_a_topic_and_a_reason_without_any_entry_are_no_mistake() -> None:
    assert run("list", "--stream", "B1/new") == 0
    assert run("list", "--reason", "clock_unset") == 0


def test_a_detail_has_one_hint_about_the_clock() -> None:
    bench = Bench(datastream("B1.a", "B1/a"))
    bench.receive("twin/v1/t/B1/a/obs", {"t": int(YESTERDAY.timestamp()), "v": 1})
    (entry,) = bench.twin.quarantine()
    assert "; looks like epoch" in entry.detail
    assert "; ;" not in entry.detail


@pytest.mark.parametrize("text", ["2m", "2min"])
def test_minutes_may_be_short(text: str) -> None:
    assert quarantine.parse_since(text, now=NOW) == NOW - timedelta(minutes=2)


@pytest.mark.parametrize("text", ["yesterday", "5 fortnights", "99999d9", "2026-13-01"])
def test_a_time_that_cannot_be_read_is_explained(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since.*30min"):
        quarantine.parse_since(text, now=NOW)
