"""What every store does with alarms."""

from datetime import timedelta

import pytest

from twin.errors import StoreError
from twin.model.alarms import Alarm
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
LATER = NOW + timedelta(minutes=1)
END = NOW + timedelta(minutes=2)


def test_an_open_alarm_is_confirmed_instead_of_repeated(store: Store) -> None:
    store.alarms.open("spool_high", "ingest 1", detail="81 % of 4 GiB", at=NOW)
    store.alarms.open("spool_high", "ingest 1", detail="90 % of 4 GiB", at=LATER)
    store.alarms.open("spool_high", "ingest 2", detail="82 % of 4 GiB", at=END)
    assert store.alarms.alarms(only_open=True, limit=10) == (
        Alarm("spool_high", "ingest 2", "82 % of 4 GiB", END, END),
        Alarm("spool_high", "ingest 1", "90 % of 4 GiB", NOW, LATER),
    )
    assert len(store.alarms.alarms(only_open=True, limit=1)) == 1


def test_a_closed_alarm_stays_in_the_history_and_may_open_again(store: Store) -> None:
    store.alarms.open("source_silent", "demo", detail="since 5 min", at=NOW)
    store.alarms.close("source_silent", "demo", at=LATER)
    store.alarms.close("source_silent", "demo", at=END)
    store.alarms.close("source_silent", "never opened", at=END)
    assert store.alarms.alarms(only_open=True, limit=10) == ()
    closed = Alarm("source_silent", "demo", "since 5 min", NOW, NOW, LATER)
    assert store.alarms.alarms(only_open=False, limit=10) == (closed,)
    store.alarms.open("source_silent", "demo", detail="again", at=END)
    assert [alarm.is_open for alarm in store.alarms.alarms(only_open=False, limit=10)] == [
        True,
        False,
    ]


def test_an_unknown_kind_is_refused_and_hostile_text_is_kept(store: Store) -> None:
    with pytest.raises(StoreError, match=r"'spoool' is unknown; add it to alarm_kinds\.csv"):
        store.alarms.open("spoool", "x", detail="", at=NOW)
    store.alarms.open("schema_drift", "a'; --\0", detail="\ud800", at=NOW)
    store.alarms.close("schema_drift", "a'; --\0", at=NOW)
    assert store.alarms.alarms(only_open=True, limit=10) == ()
