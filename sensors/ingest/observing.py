"""What the ingester keeps an eye on: connection, spool, balance, clocks; each becomes an alarm."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sensors.broker import SubscriberFigures
from sensors.broker.observer import BrokerHealth
from sensors.clocks import ClockWatch
from sensors.ingest.accounting import Ledger, Persistent
from sensors.ingest.alarms import Alarms
from sensors.ingest.buffering import Buffer
from sensors.ingest.contact import Contact

CERTIFICATE_DAYS = 30
QUEUE_WARN_SHARE = 0.5
EVENT_SHOWN_S = 3600.0
DAMAGE_SHOWN_S = 86_400.0
SHOWN_SOURCES = 20
OWN_KINDS = frozenset(
    {
        "spool_high",
        "spool_full",
        "spool_corrupt",
        "session_lost",
        "broker_dropped",
        "store_refused",
        "client_taken_over",
        "subscription_refused",
        "certificate_expires",
        "broker_queue_high",
    }
)
KINDS_ABOUT_SOURCES = frozenset(
    {
        "source_silent",
        "balance_difference",
        "clock_offset",
        "schema_drift",
        "inbox_full",
        "device_dead",
        "instance_absent",
    }
)


class Observer:
    """Turns what can be seen into alarms.

    Parameters
    ----------
    alarms
        Where they go.
    name
        The ingester, as the subject of alarms about itself.
    """

    def __init__(self, alarms: Alarms, *, name: str) -> None:
        self._alarms = alarms
        self._name = name
        self._sessions_lost = 0
        self._dropped = 0
        self._damage_told = 0
        self._total = Persistent()

    def look_at_broker(self, figures: SubscriberFigures, *, now: datetime) -> int:
        """Alarms about the connection; how many sessions were lost since the last look."""
        lost = figures.sessions_lost - self._sessions_lost
        self._sessions_lost = figures.sessions_lost
        if lost:
            detail = f"the broker has forgotten the session {figures.sessions_lost} times"
            self._alarms.set("session_lost", self._name, detail, hold_s=EVENT_SHOWN_S)
        contested = "another client with this id keeps taking over" if figures.is_contested else ""
        self._alarms.set("client_taken_over", self._name, contested)
        refused = f"not allowed: {', '.join(figures.refused)}"[:500] if figures.refused else ""
        self._alarms.set("subscription_refused", self._name, refused)
        silent = dict.fromkeys(figures.silent, "nothing came for too long, the broker answers")
        self._alarms.keep_only("source_silent", silent)
        expires_at = figures.certificate_expires_at
        is_soon = expires_at is not None and expires_at - now < timedelta(days=CERTIFICATE_DAYS)
        detail = f"valid until {expires_at:%Y-%m-%d}" if expires_at is not None and is_soon else ""
        self._alarms.set("certificate_expires", self._name, detail)
        return lost

    def look_at_health(self, health: BrokerHealth) -> int:
        """Alarms about what the broker says of itself; how much it dropped since the last look."""
        dropped = health.dropped - self._dropped
        self._dropped = health.dropped
        if dropped:
            detail = f"{dropped} messages of some client; {health.dropped} since we look"
            self._alarms.set("broker_dropped", self._name, detail, hold_s=EVENT_SHOWN_S)
        # figures that come no more say nothing about now
        share = health.queue_share() if health.visibility == "observable" else 0.0
        high = f"{share:.0%} of the limits that we ship" if share > QUEUE_WARN_SHARE else ""
        self._alarms.set("broker_queue_high", self._name, high)
        return dropped

    def look_at_spool(self, buffer: Buffer) -> None:
        """Alarms about the spool."""
        size = f"{buffer.size_bytes} bytes in the spool" if buffer.is_high else ""
        self._alarms.set("spool_high", self._name, size)
        self._alarms.set("spool_full", self._name, buffer.reason if buffer.is_full else "")
        # Damage is an event: what it cost stays in the balance and its file stays in the folder.
        # The alarm is there for whoever is on duty: a day, or until the ingester begins anew.
        fresh = buffer.notes[self._damage_told :]
        self._damage_told += len(fresh)
        if fresh:
            detail = "; ".join(fresh)[:500]
            self._alarms.set("spool_corrupt", self._name, detail, hold_s=DAMAGE_SHOWN_S)

    def look_at_store(self, contact: Contact) -> None:
        """Alarm while the database refuses for a reason that no reading caused."""
        self._alarms.set("store_refused", self._name, contact.reason if contact.is_refused else "")

    def look_at_group(self, absent: Mapping[str, str]) -> None:
        """Alarms about other ingesters whose messages the broker keeps for nobody."""
        self._alarms.keep_only("instance_absent", dict(absent))

    def look_at_clocks(self, clocks: ClockWatch) -> None:
        """Alarms about the clocks of sources."""
        states = clocks.states()
        wrong = {source: state.problem for source, state in states.items() if state.problem}
        self._alarms.keep_only("clock_offset", wrong)

    def check_balance(
        self,
        ledger: Ledger,
        *,
        waiting: Mapping[str, int],
        figures: SubscriberFigures,
        taken: int,
        is_spool_empty: bool,
    ) -> Mapping[str, int]:
        """Alarms where messages or readings do not add up; the differences by source.

        Parameters
        ----------
        taken
            Messages that came out of the queue of the network thread.
        """
        found = dict(ledger.differences(waiting))
        total = self._total.confirmed(figures.messages - figures.queue_messages - taken)
        if total:
            found[self._name] = total
        if is_spool_empty and ledger.in_spool:
            found[f"{self._name} spool"] = ledger.in_spool
        if ledger.readings_off:
            found[f"{self._name} readings"] = ledger.readings_off
        details = {
            subject: f"{count} taken over and neither waiting nor recorded"
            for subject, count in list(found.items())[:SHOWN_SOURCES]
        }
        self._alarms.keep_only("balance_difference", details)
        return found
