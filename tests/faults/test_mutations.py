"""Whether the suite notices what it is there for: the trial of F1 on ingesters with a defect.

The database answers slowly, so that a batch is always on its way when the ingester is killed.
"""

from pathlib import Path

import psycopg
import pytest
from faults import defective_ingester
from faults.oracle import Verdict
from faults.rig import ingest_rig, plan
from faults.trial import kill_under_load

MESSAGES = 3000
RATE_HZ = 750.0
KILLS = 2
SLOWNESS_S = 0.1  # per statement; a batch has one to ten
SETTLE_S = 5.0

pytestmark = [pytest.mark.db, pytest.mark.broker]


def trial_with(defect: str, *, repeats: int = 1, statement: bytes = b"") -> Verdict:
    programme = (str(Path(defective_ingester.__file__)), defect)
    with ingest_rig(through_proxy=["database"]) as rig:
        assert rig.database_proxy is not None
        rig.database_proxy.delay("up", SLOWNESS_S)
        if statement:
            with psycopg.connect(rig.owner_dsn) as connection:
                connection.execute(statement)
        return kill_under_load(
            rig,
            plan(count=MESSAGES, rate_hz=RATE_HZ * repeats, repeats=repeats),
            kills=KILLS,
            programme=programme,
            settle_s=SETTLE_S,
        )


def test_without_a_defect_the_trial_passes() -> None:
    trial_with("none").require_whole()


def test_acknowledging_before_the_commit_is_noticed() -> None:
    verdict = trial_with("acknowledge_before_the_commit")
    print(f"acknowledged before the commit: {len(verdict.lost)} lost")
    assert verdict.lost
    with pytest.raises(AssertionError, match="lost"):
        verdict.require_whole()


def test_a_commit_that_is_rolled_back_is_noticed() -> None:
    verdict = trial_with("roll_the_commit_back")
    assert len(verdict.lost) == MESSAGES
    with pytest.raises(AssertionError, match="lost"):
        verdict.require_whole()


def test_a_table_without_its_key_is_noticed() -> None:
    verdict = trial_with(
        "none", repeats=2, statement=b"ALTER TABLE reading DROP CONSTRAINT reading_pkey"
    )
    assert verdict.doubled  # repeats inside a batch are taken out without the key
    with pytest.raises(AssertionError, match="doubled"):
        verdict.require_whole()
