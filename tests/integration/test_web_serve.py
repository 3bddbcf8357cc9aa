"""The job ``serve``: heartbeat, clean end, and what it refuses."""

import socket
import threading

import pytest
from town import Town, settings
from waiting import wait_for

from dashboards.app import command, create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer, run_until
from twin.errors import SettingsError, TwinError


def test_the_job_beats_while_it_runs_and_ends_when_asked() -> None:
    city = Town()
    app = create_app(city.twin, settings())
    server = WebServer(app, Listen("127.0.0.1", 0))
    server.start()
    stop = threading.Event()
    codes: list[int] = []

    def run() -> None:
        codes.append(run_until(stop, server, twin=city.twin, hub=app.hub, name="test"))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        jobs = wait_for(lambda: city.twin.health().jobs or None, "a heartbeat")
        assert [(job.job, job.instance, job.state) for job in jobs] == [("serve", "test", "live")]
        assert jobs[0].figures["clients"] == 0.0
    finally:
        stop.set()
        thread.join(timeout=30)
    assert codes == [0]
    assert not server.is_alive()
    assert not app.hub.is_alive()


def test_the_job_says_when_its_heartbeat_is_not_stored() -> None:
    city = Town()
    app = create_app(city.twin, settings())
    server = WebServer(app, Listen("127.0.0.1", 0))
    server.start()
    city.store.is_away = True
    stop = threading.Event()
    stop.set()
    assert run_until(stop, server, twin=city.twin, hub=app.hub, name="test") == 0


def test_a_used_port_is_said_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = WebServer(create_app(Town().twin, settings()), Listen("127.0.0.1", port))
        with pytest.raises(TwinError, match="TWIN_LISTEN"):
            server.start()


@pytest.mark.duty("S14")
def test_the_job_refuses_an_address_beyond_loopback_before_it_opens_anything() -> None:
    with pytest.raises(SettingsError, match="no login"):
        command(settings("0.0.0.0:8050"), ())


def test_the_job_takes_no_argument() -> None:
    with pytest.raises(SettingsError, match="takes no argument"):
        command(settings(), ("--fast",))
