"""What is known of bridges as JSON values; every value keeps its provenance. Pure."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import cast

from twin.bridge_view import BridgeSummary, BridgeView
from twin.model.acoustics import told
from twin.model.asb import fields_of, key_tables, label
from twin.model.fatigue import DetailFatigue
from twin.model.finding_steps import FindingStep, StoredFinding
from twin.model.findings import Finding, Phrase, Reason
from twin.model.inspection import DueInspection, Inspection
from twin.model.monitoring import BridgeEvent, TrainedModel
from twin.model.phrases import said
from twin.model.provenance import Provenance
from twin.model.reality import Check, Validity, reason_of, validity_of, validity_words
from twin.model.records import InventoryRecord, StoredAttachment, StoredRecord, StoredWorkItem
from twin.model.tables import rows
from twin.model.timeline import TimelineEntry
from twin.model.times import from_us

Document = Mapping[str, object]


def plain(value: object) -> object:
    """Value as JSON can say it: dates as text, what is not finite as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.name.lower() if isinstance(value, Enum) else value


def provenance_document(provenance: Provenance) -> Document:
    """Kind, by, references and time of a provenance."""
    return cast("Document", plain(provenance))


def record_document(stored: StoredRecord, *, language: str) -> Document:
    """A record with the meaning of its keys, its source and since when it is known."""
    record = stored.record
    content = cast("Document", plain(record.content))
    return {
        "id": stored.id,
        **_origin(record),
        "content": content,
        "labels": _labels(record, content, language),
        "notes": dict(record.notes),
        "recorded_at": stored.recorded_at.isoformat(),
    }


def _origin(record: InventoryRecord) -> Document:
    return {
        "asset": record.asset_id,
        "part": record.part,
        "kind": record.kind,
        "key": record.key,
        "as_of": plain(record.as_of),
        "licence": record.licence,
        "provenance": provenance_document(record.provenance),
    }


def _labels(record: InventoryRecord, content: Document, language: str) -> Document:
    """What the keys of ASB-ING in a record mean, by field."""
    found: dict[str, str] = {}
    for name, field in fields_of(record.kind).items():
        value: object = content
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if field.keys and isinstance(value, str) and value:
            found[name] = label(field.keys, value, language=language)
    return found


def due_document(due: DueInspection, *, part: str, day: date, language: str) -> Document:
    """When an inspection is due, and what that was counted from."""
    before = due.counted_from
    return {
        "part": part,
        "kind": due.kind,
        "label": label("inspection_kind", due.kind, language=language),
        "due": plain(due.due),
        "year": due.year,
        "is_overdue": due.is_overdue(day),
        "months": due.months,
        "is_deviating": due.is_deviating,
        "is_verified": due.is_verified,
        "source": due.source,
        "counted_from": None if before is None else plain(before.day or before.stated_year),
    }


def facts_document(view: BridgeView, *, language: str) -> Document:
    """A bridge: four quantities side by side, never joined, and what it cannot see."""
    asset = view.asset
    return {
        "id": asset.id,
        "name": asset.name,
        "at": view.at.isoformat(),
        "attributes": [
            {
                "name": item.name,
                "value": plain(item.value),
                "unit": item.unit,
                "provenance": provenance_document(item.provenance),
            }
            for item in asset.attributes
        ],
        **_recorded(view, language),
        "monitoring": {
            "state": view.monitoring.name.lower(),
            "at": None if view.status is None else view.status.at.isoformat(),
            "analyses": [
                {
                    "analysis": item.analysis,
                    "version": item.version,
                    "state": item.state.name.lower(),
                    "reason": None if item.reason is None else said(item.reason, language),
                }
                for item in (() if view.status is None else view.status.analyses)
            ],
        },
        "due": [
            due_document(due, part=part, day=view.at.date(), language=language)
            for part, due in view.due
        ],
        "open_findings": sum(stored.is_open for stored in view.findings),
        "checks": [check_document(check, language=language) for check in view.checks],
        "not_valid_now": {
            name: words
            for name in sorted({name for check in view.checks for name in check.rests})
            if (words := validity_words(name, view.checks, language=language))
        },
        "acoustic_emission": [
            {**cast("Document", plain(row)), "uptime": row.uptime, "text": told(row, language)}
            for row in view.acoustics
        ],
        "fatigue": [_fatigue(detail, language) for detail in view.fatigue],
        "blind_spots": [
            {"key": key, "text": said(Phrase(f"blind.{key}"), language)} for key in view.blind
        ],
    }


def _fatigue(detail: DetailFatigue, language: str) -> Document:
    """Consumed fatigue of a detail with its assumptions; ``damage`` is the Miner sum [-]."""
    figures = dict(cast("Document", plain(detail)))
    figures["from"] = from_us(detail.first_us).isoformat()
    figures["until"] = from_us(detail.until_us).isoformat()
    del figures["first_us"], figures["until_us"]
    remarks = [said(remark, language) for remark in detail.remarks]
    return {**figures, "damage": detail.damage, "remarks": remarks}


def check_document(check: Check, *, language: str) -> Document:
    """A prediction against its sensor, with its verdict and why in words."""
    verdict = check.verdict
    reason = "" if verdict == "valid" else said(reason_of(check), language)
    figures = dict(cast("Document", plain(check)))
    since_us = figures.pop("since_us")
    since = None if since_us is None else from_us(cast("int", since_us)).isoformat()
    return {**figures, "verdict": verdict, "since": since, "text": reason}


def validity_document(name: str, checks: Iterable[Check], *, language: str) -> Document:
    """Whether what rests on models holds now: the verdict, null without a check, and reasons."""
    found = validity_of(name, checks)
    reasons = [said(phrase, language) for phrase in found.reasons]
    return {"verdict": found.verdict, "since": since_of(found), "reasons": reasons}


def series_validity(found: Validity) -> Document | None:
    """Mark of a series: verdict, since when, reasons in both languages; None without a model."""
    if found.verdict is None:
        return None
    reasons = {one: [said(phrase, one) for phrase in found.reasons] for one in ("de", "en")}
    return {"verdict": found.verdict, "since": since_of(found), "reasons": reasons}


def since_of(found: Validity) -> str | None:
    """Look since which something has not been valid or not checked, ISO 8601 in UTC."""
    return None if found.since_us is None else from_us(found.since_us).isoformat()


def _condition(record: InventoryRecord, language: str) -> Document:
    content = record.content
    condition = content.condition if isinstance(content, Inspection) else None
    year = content.stated_year if isinstance(content, Inspection) else None
    band = "" if condition is None else condition.band
    return {
        **_origin(record),
        "year": year,
        "condition": plain(condition),
        "band": label("grade_bands", band, language=language) if band else None,
    }


def _load(record: InventoryRecord, language: str) -> Document:
    content = cast("Document", plain(record.content))
    names = ("load_index", "target_load_level", "stress_corrosion", "coupling_joints")
    labels = _labels(record, content, language)
    return {**_origin(record), **{name: labels.get(name) for name in names}}


def summary_document(found: BridgeSummary, *, language: str) -> Document:
    """A bridge as a row of the list."""
    dates = [due.due for _, due in found.due if due.due is not None]
    return {
        "id": found.asset.id,
        "name": found.asset.name,
        **_recorded(found, language),
        "open_findings": found.open_findings,
        "monitoring": found.monitoring.name.lower(),
        "next_due": plain(min(dates, default=None)),
    }


def _recorded(found: BridgeView | BridgeSummary, language: str) -> Document:
    """Grades, load index and restrictions as their sources state them."""
    return {
        "condition": [_condition(record, language) for record in found.conditions],
        "load_index": [_load(record, language) for record in found.parts],
        "restrictions": [_restriction(record, language) for record in found.restrictions],
    }


def _restriction(record: InventoryRecord, language: str) -> Document:
    content = cast("Document", plain(record.content))
    return {**_origin(record), "content": content, "labels": _labels(record, content, language)}


def timeline_document(entry: TimelineEntry, *, language: str) -> Document:
    """One happening with its record."""
    return {
        "happening": entry.happening,
        "day": plain(entry.day),
        "year": entry.year,
        "record": record_document(entry.stored, language=language),
    }


def finding_document(stored: StoredFinding, *, language: str) -> Document:
    """A finding in words, with its reasons, links to the raw data, and its log."""
    return {
        "number": stored.id,
        "stage": stored.stage,
        "opened_at": stored.opened_at.isoformat(),
        **_stated(stored.finding, language),
        "steps": [_step(step) for step in stored.steps],
    }


def _stated(finding: Finding, language: str) -> Document:
    return {
        "asset": finding.asset_id,
        "rule": finding.rule,
        "rule_version": finding.rule_version,
        "severity": finding.severity,
        "key": finding.key,
        "at": finding.at.isoformat(),
        "cause": finding.cause,
        "statement": _phrase(finding.statement, language),
        "next_step": _phrase(finding.next_step, language),
        "reasons": [_reason(reason, language) for reason in finding.reasons],
        "evidence": [
            {
                **cast("Document", plain(window)),
                "series": f"/api/series/{window.datastream}"
                f"?t0={_address_time(window.start)}&t1={_address_time(window.end)}",
            }
            for window in finding.evidence
        ],
        "comparable": list(finding.comparable),
    }


def _address_time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _phrase(phrase: Phrase, language: str) -> Document:
    return {"key": phrase.key, "values": plain(phrase.values), "text": said(phrase, language)}


def _reason(reason: Reason, language: str) -> Document:
    document = dict(cast("Document", plain(reason)))
    document["statement"] = _phrase(reason.statement, language)
    return document


def _step(step: FindingStep) -> Document:
    return {
        "at": step.at.isoformat(),
        "stage": step.stage,
        "person": step.person,
        "reason": step.reason,
        "rule_version": step.finding.rule_version,
        "severity": step.finding.severity,
        "stated_at": step.finding.at.isoformat(),
    }


def event_document(event: BridgeEvent) -> Document:
    """An event with its figures."""
    return cast("Document", plain(event))


def model_document(model: TrainedModel) -> Document:
    """An entry of the register of models; its content stays in the store."""
    document = dict(cast("Document", plain(dataclasses.replace(model, content=b""))))
    del document["content"]
    name, value, count = model.metric
    document["metric"] = {"name": name, "value": plain(value), "n": count}
    return document


def attachment_document(stored: StoredAttachment) -> Document:
    """An attachment with the address of its file."""
    attachment = cast("Document", plain(stored.attachment))
    return {
        **{("asset" if key == "asset_id" else key): value for key, value in attachment.items()},
        "sha256": stored.sha256,
        "size_bytes": stored.size_bytes,
        "recorded_at": stored.recorded_at.isoformat(),
        "file": f"/api/bridges/files/{stored.sha256}",
    }


def work_document(stored: StoredWorkItem, *, language: str) -> Document:
    """A work item with its meaning."""
    words = {
        row["key"]: row["german" if language == "de" else "english"]
        for row in rows("data_problems")
    }
    item = stored.item
    return {
        "number": stored.id,
        **cast("Document", plain(item)),
        "label": words.get(item.code, item.code),
        "found_at": stored.found_at.isoformat(),
        "cleared_at": plain(stored.cleared_at),
    }


def tables_document(language: str) -> Document:
    """All key tables of ASB-ING with their meanings."""
    return {
        name: [
            {"key": row.key, "label": row.label(language), "is_verified": row.is_verified}
            for row in table.values()
        ]
        for name, table in key_tables().items()
    }


def listed(documents: Sequence[Document], name: str) -> Document:
    """A list of documents under its name; empty is an answer, too."""
    return {name: list(documents), "count": len(documents)}
