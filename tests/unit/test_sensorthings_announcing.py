"""What is told over MQTT: every new observation, its topics, nothing private (F-STS-5)."""

import json
from dataclasses import replace

import pytest
from town import Town, settings, town

from sensors.sensorthings.announcing import Announcer
from sensors.sensorthings.publishing import command, service_root
from twin.errors import SettingsError

ROOT = "http://twin.example/sensorthings/v1.1"


class Told:
    """A town and what was told of it; it refuses while it is full."""

    def __init__(self, streams: Town | None = None) -> None:
        self.town = streams or Town()
        self.messages: list[tuple[str, dict]] = []
        self.is_full = False
        self.announcer = Announcer(self.town.twin, ROOT, self._take)

    def _take(self, topic: str, payload: bytes) -> bool:
        if not self.is_full:
            self.messages.append((topic, json.loads(payload)))
        return not self.is_full

    def look(self) -> list[float]:
        """Results that one look told on the topic of all observations."""
        before = len(self.messages)
        self.announcer.announce()
        fresh = self.messages[before:]
        return [body["result"] for topic, body in fresh if topic == "v1.1/Observations"]


def test_the_first_look_tells_the_latest_and_each_later_one_what_is_new() -> None:
    told = Told()
    told.town.record({"B1-strain": 1.0}, age_s=10.0)
    told.town.record({"B1-strain": 2.0}, age_s=9.0)
    assert told.look() == [2.0]
    assert told.look() == []
    for second in range(5):
        told.town.record({"B1-strain": 10.0 + second}, age_s=8.0 - second)
    told.town.record({"B1-temp": 21.5}, age_s=3.0)
    assert sorted(told.look()) == [10.0, 11.0, 12.0, 13.0, 14.0, 21.5]
    strain = [
        body["result"]
        for topic, body in told.messages
        if topic == "v1.1/Datastreams('B1-strain')/Observations"
    ]
    assert strain == [2.0, 10.0, 11.0, 12.0, 13.0, 14.0]


def test_an_observation_is_told_on_the_topics_of_its_entities() -> None:
    told = Told()
    told.town.record({"L1.ab-q": 300.0})
    told.look()
    assert [topic for topic, _ in told.messages] == [
        "v1.1/Observations",
        "v1.1/Datastreams('L1.ab-q')/Observations",
        "v1.1/FeaturesOfInterest('L1/ab')/Observations",
    ]
    body = told.messages[0][1]
    assert body["phenomenonTime"] == "2026-11-22T07:59:45Z/2026-11-22T08:00:00Z"
    assert body["@iot.selfLink"].startswith(f"{ROOT}/Observations('L1.ab-q@")
    assert body["resultQuality"]["flags"] == ["simulated"]


def test_what_is_private_or_has_no_possible_topic_is_not_told() -> None:
    """F-STS-5: over MQTT as over HTTP."""
    plain = town()
    first = plain.datastreams[0]
    private = replace(first, uid="secret", route_key="secret", privacy_class="vehicle")
    wild = replace(first, uid="a+b", route_key="a+b")
    told = Told(Town(city=replace(plain, datastreams=(*plain.datastreams, private, wild))))
    told.town.record({"secret": 1.0, "a+b": 2.0, "B1-temp": 3.0})
    assert told.look() == [3.0]
    assert told.announcer.unnamed == 1


def test_what_was_refused_is_told_at_the_next_look() -> None:
    told = Told()
    told.town.record({"B1-strain": 1.0}, age_s=5.0)
    assert told.look() == [1.0]
    told.town.record({"B1-strain": 2.0}, age_s=4.0)
    told.town.record({"B1-strain": 3.0}, age_s=3.0)
    told.is_full = True
    assert told.look() == []
    told.is_full = False
    assert told.look() == [2.0, 3.0]


def test_links_name_the_public_address() -> None:
    plain = settings("127.0.0.1:8050")
    assert service_root(plain) == "http://127.0.0.1:8050/sensorthings/v1.1"
    public = replace(plain.dashboards, public_url="https://twin.example/")
    assert service_root(replace(plain, dashboards=public)) == ROOT.replace("http:", "https:")


def test_the_job_says_what_it_lacks() -> None:
    with pytest.raises(SettingsError, match="no broker"):
        command(settings(), ())
    with pytest.raises(SettingsError, match="no argument"):
        command(settings(), ("now",))
