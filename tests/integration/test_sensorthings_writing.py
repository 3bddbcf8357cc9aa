"""Observations written over HTTP and MQTT, on real TimescaleDB, Mosquitto and ingester."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import peers
import pytest
from faults.rig import write_city
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from services import MosquittoAddress, mosquitto_broker, open_folder
from store_servers import running_server
from town import town
from waiting import wait_for

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from sensors.broker import Publisher, Receipt
from sensors.sensorthings.announcing import Announcer
from sensors.sensorthings.conformance import CREATION
from sensors.sensorthings.publishing import run
from twin.city import Twin
from twin.model.datastreams import Datastream
from twin.model.times import to_us, utc_now
from twin.settings import BrokerSettings, Settings
from twin.store import open_store

pytestmark = [pytest.mark.db, pytest.mark.timescale, pytest.mark.broker]
WRITER = Path(__file__).with_name("frost_writer.py")
RULES = """
[[codec.rule]]
topic = "v1.1/{datastream}/Observations"
codec = "sensorthings_made"
source = "sensorthings"
[[codec.rule]]
topic = "twin/sensorthings/observations"
codec = "sensorthings_made"
source = "sensorthings"
"""
RIGHTS = """
user client
topic write v1.1/+/Observations
"""
USERS = ("ingest", "publish", "serve", "client")
STREAM = "B1-temp"


@dataclass
class Site:
    """Everything that runs: the database, the broker, the web server."""

    settings: Settings
    broker: MosquittoAddress
    folder: Path
    twin: Twin
    address: str = ""
    ingester: "subprocess.Popen[bytes] | None" = None

    def start_ingester(self) -> None:
        log = self.folder / "ingest.log"
        seen = log.read_text().count("broker_connected") if log.exists() else 0
        inherited = {name: text for name, text in os.environ.items() if name[:5] != "TWIN_"}
        with log.open("ab") as out:
            self.ingester = subprocess.Popen(
                [sys.executable, "-m", "twin.cli", "--city", str(self.folder), "ingest"],
                stdout=out,
                stderr=out,
                env=inherited,
            )
        wait_for(
            lambda: log.read_text().count("broker_connected") > seen, "the ingester", timeout_s=60.0
        )

    def stop_ingester(self) -> None:
        if self.ingester is not None:
            self.ingester.send_signal(signal.SIGTERM)
            assert self.ingester.wait(25) == 0
            self.ingester = None

    def broker_for(self, user: str) -> BrokerSettings:
        file = self.folder / f"password-{user}"
        file.write_text(self.broker.passwords[user])
        return replace(
            self.settings.broker,
            host=self.broker.host,
            port=self.broker.port,
            username=user,
            password_file=str(file),
        )

    def stored(self) -> dict[int, float]:
        """Value by time [us]."""
        number = self.twin.datastream(STREAM).number or 0
        begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
        found = self.twin.page([number], start=begin, end=end, limit=1000)
        return dict(zip(found.time_us.tolist(), found.value.tolist(), strict=True))

    def balance(self, fate: str) -> int:
        """How many values of the service had this fate today."""
        rows = self.twin.balance(days=2)
        return sum(getattr(row, fate) for row in rows if row.source == "sensorthings")


@contextmanager
def mosquitto(folder: Path) -> Iterator[MosquittoAddress]:
    """Mosquitto with an account for each job, and no more rights than the documentation says."""
    with mosquitto_broker(folder, users=USERS):
        pass
    with (folder / "mosquitto" / "config" / "acl").open("a") as acl:
        acl.write(RIGHTS)
    with mosquitto_broker(folder, users=USERS) as broker:
        yield broker


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        server = stack.enter_context(running_server("timescale"))
        database = server.migrated_database()
        folder = stack.enter_context(open_folder())
        broker = stack.enter_context(mosquitto(folder))
        password = folder / "password-ingest"
        password.write_text(broker.passwords["ingest"])
        plain = BrokerSettings(
            host=broker.host,
            port=broker.port,
            username="ingest",
            password_file=str(password),
            use_tls=False,
        )
        dsn = database.dsn("twin_ingest")
        settings = write_city(folder, dsn=dsn, broker=plain, extra=RULES)
        owner = Twin(open_store(database.dsn("twin_owner")), clock=utc_now)
        city = town()
        owner.load(replace(city, datastreams=tuple(map(opened, city.datastreams))))
        stack.callback(owner.close)
        found = Site(settings, broker, folder, owner)
        # The server has the rights of the job ``serve``, in the database and at the broker.
        twin = Twin(open_store(database.dsn("twin_serve")), clock=utc_now)
        stack.callback(twin.close)
        app = create_app(twin, replace(settings, broker=found.broker_for("serve")))
        web = WebServer(app, Listen("127.0.0.1", 0))
        found.address = f"http://127.0.0.1:{web.start()}/sensorthings/v1.1"
        stack.callback(web.stop)
        stack.callback(found.stop_ingester)
        yield found


def opened(stream: Datastream) -> Datastream:
    return replace(stream, source="sensorthings") if stream.uid == STREAM else stream


@contextmanager
def told(site: Site) -> Iterator[Announcer]:
    """``twin publish`` beside it: what it tells must not come back as readings."""
    publisher = Publisher(site.broker_for("publish"), "twin-test-publish")
    announcer = Announcer(
        site.twin,
        site.address,
        lambda topic, payload: publisher.publish(topic, payload, retain=True),
    )
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(site.twin, announcer, stop))
    thread.start()
    try:
        yield announcer
    finally:
        stop.set()
        thread.join(timeout=20.0)
        assert publisher.close() == 0
        assert publisher.refused == 0


def published(site: Site, topic: str, document: dict[str, object]) -> None:
    """Publish as a device does that knows nothing of the twin."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "device", protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set("client", site.broker.passwords["client"])
    client.connect(site.broker.host, site.broker.port)
    client.loop_start()
    try:
        client.publish(topic, json.dumps(document), qos=1).wait_for_publish(20.0)
    finally:
        client.disconnect()
        client.loop_stop()


def written(site: Site, key: str, begin: datetime) -> dict[str, object]:
    file = site.folder / "written.json"
    subprocess.run(
        [str(peers.python()), str(WRITER), site.address, key, begin.isoformat(), str(file)],
        check=True,
        timeout=120,
    )
    return json.loads(file.read_text(encoding="utf-8"))


def require_written(found: dict[str, object], begin_us: int) -> dict[int, float]:
    """What the client was told is right; value by time [us] that should be stored."""
    assert found["id"] == found["again"] == f"{STREAM}@{begin_us}"
    assert found["read"] == 20.5
    links = found["links"]
    assert isinstance(links, list)
    times_us = [begin_us + second * 1_000_000 for second in range(1, 21)]
    ends = [str(link).rpartition("@")[2] for link in links[:-1]]
    assert ends == [f"{time_us}')" for time_us in times_us]
    assert str(links[-1]).startswith("error: for this time the result 20.5 is stored")
    assert (found["other_value"], found["far_future"]) == (409, 400)
    assert (found["wrong_key"], found["no_key"]) == (403, 401)
    results = {time_us: 21.0 + row / 8.0 for row, time_us in enumerate(times_us, start=1)}
    return {begin_us: 20.5} | results


def test_the_independent_client_writes_and_reads_back_over_a_restart(site: Site) -> None:
    _, key = site.twin.decisions.grant("Weather office", permission="reading.create")
    begin = (utc_now() - timedelta(hours=1)).replace(microsecond=0)
    begin_us = to_us(begin)
    site.start_ingester()
    client = httpx.Client(base_url=site.address, trust_env=False, timeout=60.0)
    with client, told(site) as announcer:
        found = written(site, key, begin)
        expected = require_written(found, begin_us)
        assert site.stored() == expected

        topic = f"v1.1/Datastreams('{STREAM}')/Observations"
        at = begin + timedelta(minutes=1)
        published(site, topic, {"phenomenonTime": at.isoformat(), "result": 25.5})
        expected[to_us(at)] = 25.5
        wait_for(lambda: site.stored() == expected, "the observation of the device")
        wait_for(lambda: announcer.sent >= 2, "the observations to be told")

        site.stop_ingester()
        later = begin + timedelta(minutes=2)
        body = {"phenomenonTime": later.isoformat(), "result": 26.5}
        asked = {"url": f"/Datastreams('{STREAM}')/Observations", "json": body}
        headers = {"Authorization": f"Bearer {key}"}
        waiting = client.post(**asked, headers=headers)
        assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "5")
        assert "not be doubled" in waiting.json()["message"]
        site.start_ingester()
        made = client.post(**asked, headers=headers)
        assert made.status_code == 201, made.text
        assert client.get(made.headers["location"]).json() == made.json()
        expected[to_us(later)] = 26.5

        assert written(site, key, begin) == found  # all of it is there: nothing is doubled
        assert site.stored() == expected
        wait_for(lambda: site.balance("ignored"), "what the twin told to come by and be left alone")
        assert (site.balance("stored"), site.balance("quarantined")) == (len(expected), 0)
        assert site.stored() == expected
        told_classes = client.get("").json()["serverSettings"]
    assert told_classes["conformance"][-2:] == list(CREATION)
    (endpoint,) = (one for uri, one in told_classes.items() if uri in CREATION)
    assert endpoint == {"endpoints": [f"mqtt://127.0.0.1:{site.broker.port}"]}
    site.stop_ingester()


def test_a_receipt_says_whether_anybody_will_read_the_message(site: Site) -> None:
    publisher = Publisher(site.broker_for("publish"), "twin-test-receipts")
    states = []
    for topic in (f"v1.1/Datastreams('{STREAM}')/Observations", "v1.1/nobody", "twin/forbidden"):
        receipt = Receipt()
        assert publisher.publish(topic, b'{"@iot.selfLink": ""}', receipt=receipt)
        states.append(receipt.wait(20.0))
    assert publisher.close() == 0
    # the ingester is stopped, its session is at the broker
    assert states == ["taken", "unheard", "refused"]


def test_what_is_wrong_with_an_observation_is_said_before_it_is_sent(site: Site) -> None:
    _, key = site.twin.decisions.grant("Road authority", permission="reading.create")
    _, release_key = site.twin.decisions.grant("Road authority")
    now = utc_now().isoformat()
    good = {"phenomenonTime": now, "result": 1.0}
    before = site.stored()
    with httpx.Client(base_url=site.address, trust_env=False, timeout=60.0) as client:

        def refused(path: str, body: object, *, with_key: str = key) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {with_key}"}
            found = client.post(path, json=body, headers=headers)
            return found.status_code, found.json()["message"]

        at = f"/Datastreams('{STREAM}')/Observations"
        for body, words in (
            ({"result": 1.0}, "phenomenonTime: absent"),
            ({"phenomenonTime": now}, "result: absent"),
            (good | {"result": "warm"}, "must be a number"),
            (good | {"phenomenonTime": "2026-11-22T10:00:00"}, "without a zone"),
            (good | {"phenomenonTime": "1999-01-01T00:00:00Z"}, "clock_unset"),
            (good | {"parameters": {"a": 1}}, "parameters: not kept"),
            (good | {"Datastream": {"@iot.id": "other"}}, "the body another one"),
            (good | {"FeatureOfInterest": {"@iot.id": "B2"}}, "FeatureOfInterest: that of"),
            (good | {"FeatureOfInterest": {"name": "new"}}, "a new one is not created here"),
            ([good], "one Observation"),
        ):
            status, message = refused(at, body)
            assert status == 400
            assert words in message
        status, message = refused("/Datastreams('B1-strain')/Observations", good)
        assert status == 409
        assert "source = 'sensorthings'" in message
        assert refused("/Datastreams('nowhere')/Observations", good)[0] == 404
        assert refused("/Observations", good)[0] == 400
        assert refused("/Things", {"name": "new"})[0] == 501
        status, message = refused(at, good, with_key=release_key)
        assert status == 403
        assert "--permission reading.create" in message
        array = {"Datastream": {"@iot.id": STREAM}, "components": ["result"], "dataArray": [[1.0]]}
        found = client.post(
            "/CreateObservations", json=[array], headers={"Authorization": f"Bearer {key}"}
        )
        assert found.status_code == 201
        assert found.json()[0].startswith("error: phenomenonTime: absent")
        assert refused("/CreateObservations", [array | {"components": ["id"]}])[0] == 400
        guesses = [refused(at, good, with_key="guess")[0] for _ in range(10)]
        assert (guesses[0], guesses[-1]) == (403, 429)
        assert refused(at, good)[0] == 429  # also the right key, for a while
    assert site.stored() == before
