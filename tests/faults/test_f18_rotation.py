"""F18: certificate, authority and password of the broker change while messages flow."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from faults.loadgen import LoadGenerator
from faults.oracle import judge
from faults.rig import Rig, ingest_rig, plan
from faults.trial import settle
from services import make_certificates
from waiting import wait_for

from sensors.broker.accounts import LOGIN, SECRETS, make_accounts, switch_login
from twin.settings import load_settings

pytestmark = [pytest.mark.db, pytest.mark.broker]

DEVICE = "B1"
"""The asset of the small city: in our own topics the user of a device is the id of its asset."""


def over_tls(rig: Rig) -> None:
    """Send the ingester through the encrypted listener, with user and password from one file."""
    mosquitto = rig.broker._mosquitto
    assert mosquitto is not None
    file = rig.settings.folder / "city.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace(
        f"port = {mosquitto.port}\nfallback", f"port = {mosquitto.port_tls}\nfallback"
    )
    text = text.replace("use_tls = false", f'use_tls = true\nca_file = "{mosquitto.ca_file}"')
    login = rig.folder / "mosquitto" / "config" / SECRETS / LOGIN
    login.parent.mkdir()
    login.write_text(f"ingest:{rig.broker_password}")
    text = text.replace('username = "ingest"', 'username = ""')
    text = text.replace(rig.settings.broker.password_file, str(login))
    file.write_text(text, encoding="utf-8")
    rig.settings = load_settings(rig.settings.folder, {})
    assert rig.settings.broker.use_tls


def reload_broker(rig: Rig) -> None:
    assert rig.broker._mosquitto is not None
    rig.broker._mosquitto.process.send_signal(signal.SIGHUP)


def generator_of_a_device(rig: Rig, config: Path) -> LoadGenerator:
    """A load generator with an account of its own, which stays."""
    make_accounts(config, names=[DEVICE])
    reload_broker(rig)
    password = (config / SECRETS / DEVICE).read_text().strip()
    target = replace(rig.target(), username=DEVICE, password=password)
    return LoadGenerator(target, plan(count=8_000, rate_hz=500.0))


def open_alarms(rig: Rig) -> set[str]:
    rows = rig.rows("SELECT kind FROM alarm WHERE closed_at IS NULL")
    return {str(kind) for (kind,) in rows}


def test_new_secrets_and_certificates_need_no_restart_and_lose_nothing() -> None:
    with ingest_rig() as rig:
        over_tls(rig)
        home = rig.folder / "mosquitto"
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = generator_of_a_device(rig, home / "config")
        generator.start()
        wait_for(lambda: "certificate_expires" in open_alarms(rig), "the alarm: two days are left")

        wait_for(lambda: generator.acknowledged >= 2_000, "a quarter of the messages")
        make_certificates(home / "certs", days=365)
        assert switch_login(home / "config") == ["ingest2"]
        reload_broker(rig)

        rig.wait_for_log("broker_connected", times=2)
        generator.wait(60)
        settle(rig, generator, within_s=30)
        wait_for(lambda: "certificate_expires" not in open_alarms(rig), "the alarm to close")
        assert process.poll() is None, "the ingester was restarted"
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        print("F18:", verdict)
        verdict.require_whole()
