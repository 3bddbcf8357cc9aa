"""Findings that an earlier version wrote are counted as what they say."""

from contextlib import closing
from dataclasses import replace

import pytest
from store_samples import city
from store_servers import running_server

from twin.model.finding_steps import OpenFindings
from twin.model.findings import Finding, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.times import utc_now
from twin.store import open_store
from twin.store.postgres.migrate import migrations

pytestmark = pytest.mark.db
NOW = utc_now()
MISLEADING = Phrase('a "severity": "note"', {"severity": "note", "cause": "traffic"})
OLD = Finding("bridge", "rule", "1", "warning", "1", MISLEADING, MISLEADING, at=NOW)
FINDINGS = (
    OLD,
    replace(OLD, key="2", cause="structure", reasons=(Reason(MISLEADING, cause="temperature"),)),
)


def test_the_migration_reads_severity_and_cause_out_of_what_was_stored() -> None:
    (migration,) = (item for item in migrations() if item.name == "0025_finding_severity.sql")
    _, fill = migration.content.decode().split("UPDATE ")
    with running_server("postgres") as server:
        database = server.migrated_database()
        with closing(open_store(database.dsn())) as store:
            store.load(city(), at=NOW)
            store.bridges.keep(AnalysisOutcome(findings=FINDINGS), at=NOW)
            counted = list(store.bridges.open_findings())
            assert [(item.severity, item.cause) for item in counted] == [
                ("warning", "structure"),
                ("warning", None),
            ]
            database.run("UPDATE bridge_finding SET severity = NULL, cause = NULL")
            unread = [OpenFindings("bridge", "critical", None, 2)]
            assert list(store.bridges.open_findings()) == unread, "what is not known is gravest"
            database.run(f"UPDATE {fill}")
            assert list(store.bridges.open_findings()) == counted
