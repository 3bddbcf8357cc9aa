"""The decision paper from the document of a run: which blocks, in which order. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.joint_rows import repeated, unit_of
from dashboards.reports.base_quality import base_quality
from dashboards.reports.in_short import asset_name, in_short
from dashboards.reports.mapdata import MapData
from dashboards.reports.paper import (
    Attachment,
    Block,
    Code,
    Facts,
    Heading,
    Items,
    Link,
    Paper,
    Section,
    Text,
)
from dashboards.reports.picturing import pictures
from dashboards.reports.tables import (
    bridge_table,
    cause_table,
    crossing_table,
    kpi_table,
    restriction_table,
    street_table,
    unserved_table,
)
from dashboards.reports.writing import Document, Writing, is_known, shown
from twin.model.bases import day_of
from twin.model.statements import in_language

MOST_CHAINS = 10
"""Bridges whose chains are told one by one; the table of bridges holds all."""
SEVERITIES = ("critical", "warning", "info")
LONGEST_CODE = 6000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0"})  # noqa: S104 - what is looked for


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that a paper is made of.

    Parameters
    ----------
    document
        Of the joint analysis, form 1.
    map
        What its maps show; None without a road network that can be drawn.
    city
        Name of the town.
    number
        Of the run.
    ended_at
        When the run ended: date of the paper, so that it is the same whenever it is made.
    input_hash
        Of the run.
    addresses
        ``result`` and ``document``: where this city shows the run.
    product
        Name and version of the programme.
    names
        Readable names of links, by the name in the network.
    """

    document: Document
    map: MapData | None
    city: str
    number: int
    ended_at: datetime
    input_hash: str
    addresses: Mapping[str, str]
    product: str
    names: Mapping[str, str] = field(default_factory=dict)


def build(source: Source, texts: Texts) -> Paper:
    """The paper in one language."""
    write, document = Writing(texts), source.document
    sections = (
        ("measures", _measures(source, write)),
        ("findings", _findings(document, write)),
        ("maps", _maps(source, write)),
        ("bridges", _bridges(document, write)),
        ("chains", _chains(document, write)),
        ("traffic", _traffic(document, write)),
        ("uncertainty", _uncertainty(document, write)),
        ("not_assessable", _not_assessable(document, write)),
        ("assumptions", _assumptions(document, write)),
        ("cannot_say", _cannot_say(document, write)),
        ("reproduce", _reproduce(source, write)),
    )
    title = shown(str(document["scenario"].get("name", ""))) or write.word("untitled")
    made = texts.time(source.ended_at, has_date=True)
    return Paper(
        language=texts.language,
        kind=write.word("kind"),
        title=title,
        subtitle=write.word("subtitle", city=shown(source.city), number=source.number, made=made),
        head=shown(source.city),
        foot=write.word("foot", number=source.number, hash=source.input_hash[:12]),
        page=(write.word("page"), write.word("page_of")),
        summary=(),
        sections=tuple(
            Section(write.word(f"section.{key}"), tuple(blocks)) for key, blocks in sections
        ),
        attachments=(Attachment("scenario.json", scenario_text(document), write.word("attached")),),
    )


def scenario_text(document: Document) -> str:
    """The scenario as the file that the command reads; one line per intervention.

    Examples
    --------
    >>> scenario = {"name": "a", "base": "today", "interventions": [{"kind": "close"}]}
    >>> print(scenario_text({"scenario": scenario}))
    {
      "name": "a",
      "base": "today",
      "interventions": [
        {"kind": "close"}
      ]
    }
    """
    fields: list[str] = []
    for key, value in document["scenario"].items():
        if key == "interventions" and value:
            lines = ",\n".join(f"    {_json(one)}" for one in value)
            fields.append(f'  "interventions": [\n{lines}\n  ]')
        else:
            fields.append(f"  {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(fields) + "\n}"


def _json(value: object) -> str:
    """JSON in which signs that no page can show are escaped, so that it stays the same scenario."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(one if is_known(one) else json.dumps(one)[1:-1] for one in text)


def _measures(source: Source, write: Writing) -> list[Block]:
    document = source.document
    sentences = document["sentences"].get(write.texts.language, ())
    targets = [asset_name(one) for one in document["bridges"] if one["role"] == "target"]
    names = ", ".join(dict.fromkeys(targets))
    question = write.word("question_of", names=names) if names else write.word("question")
    found: list[Block] = [Text(question, "lead")]
    if sentences:
        found.append(Items(tuple(shown(one) for one in sentences), is_ordered=True))
    else:
        found.append(Text(write.word("no_measures")))
    at = document["scenario"].get("at")
    if at:
        when = write.texts.time(datetime.fromisoformat(at), has_date=True)
        found.append(Text(write.word("acts_at", when=when), "note"))
    return found


def _findings(document: Document, write: Writing) -> list[Block]:
    short = Items(in_short(document, write))
    quality = Heading(write.word("base.title"))
    basis = Items(base_quality(document["inputs"]["base"], write))
    found = sorted(document["findings"], key=lambda one: SEVERITIES.index(one["severity"]))
    if not found:
        return [short, quality, basis, Text(write.word("no_findings"))]
    said: dict[str, str] = {}
    for one in found:
        said.setdefault(write.said(one["text"]), write.named("severity", one["severity"]))
    details = Heading(write.word("findings"))
    return [short, quality, basis, details, Items(tuple(said), tuple(said.values()))]


def _maps(source: Source, write: Writing) -> list[Block]:
    if source.map is None or not source.map.sections:
        return [Text(write.word("no_map"))]
    found: list[Block] = [*pictures(source.map, write)]
    if source.map.left_out:
        found.append(Text(write.word("map_left_out", n=source.map.left_out), "note"))
    streets = street_table(source.document["traffic"], write, names=source.names)
    return [*found, *([streets] if streets else [])]


def _bridges(document: Document, write: Writing) -> list[Block]:
    if not document["bridges"]:
        return [Text(write.word("no_bridges"))]
    is_hourly = any(unit_of(one["heavy"]) == "vehh" for one in document["bridges"])
    found: list[Block] = [
        Text(write.word("bridges_lead_hour" if is_hourly else "bridges_lead")),
        bridge_table(document["bridges"], write),
    ]
    crossings = crossing_table(document["bridges"], write)
    restrictions = restriction_table(document["bridges"], write)
    found += [one for one in (crossings, restrictions) if one is not None]
    return found


def _chains(document: Document, write: Writing) -> list[Block]:
    told = [one for one in document["bridges"] if one["chain"]]
    again = repeated(document["bridges"])
    if not told:
        return [Text(write.word("no_chains"))]
    found: list[Block] = []
    for one in told[:MOST_CHAINS]:
        found.append(Heading(shown(one["name"])))
        found.append(Items(write.all_said(one["chain"]), is_ordered=True))
        causes = None if one["part"] in again else cause_table(one, write)
        found += [causes] if causes else []
    if len(told) > MOST_CHAINS:
        found.append(Text(write.word("more_chains", n=len(told) - MOST_CHAINS), "note"))
    return found


def _traffic(document: Document, write: Writing) -> list[Block]:
    found: list[Block] = [kpi_table(document["kpis"], write)] if document["kpis"] else []
    unserved = unserved_table(document["traffic"], write)
    return [*found, *([unserved] if unserved else [])] or [Text(write.word("no_kpis"))]


def _uncertainty(document: Document, write: Writing) -> list[Block]:
    inputs, traffic = document["inputs"], document["traffic"]
    members, seed = inputs["members"], inputs["seed"]
    said = [
        write.word("bands", members=members, seed=seed) if members else write.word("no_bands"),
        write.word("noise_rule"),
    ]
    noise = traffic.get("noise") or {}
    if noise.get("links"):
        said.append(
            write.word(
                "noise_links", changed=write.number(noise["links_changed"]),
                links=write.number(noise["links"]),
            )
        )  # fmt: skip
    if noise.get("is_screening"):
        said.append(write.word("screening"))
    share = noise.get("guessed_capacity_share")
    if share is not None:
        said.append(write.word("guessed", share=write.number(100.0 * share)))
    said.append(write.word("gap", gap=write.exact(inputs["relative_gap"])))
    return [Items(tuple(said))]


def _not_assessable(document: Document, write: Writing) -> list[Block]:
    if not document["not_assessable"]:
        return [Text(write.word("all_assessable"))]
    said = [
        f"{shown(one['name'])} ({shown(one['part'])}): {write.said(one['reason'])}"
        for one in document["not_assessable"]
    ]
    return [Text(write.word("not_assessable_lead")), Items(tuple(said))]


def _assumptions(document: Document, write: Writing) -> list[Block]:
    warnings = write.all_said(document["warnings"])
    found: list[Block] = []
    if warnings:
        found += [Heading(write.word("warnings")), Items(warnings)]
    said = write.all_said(document["assumptions"])
    if said:
        found += [Heading(write.word("assumed")), Items(said)]
    told = set(said)
    shared = _by_sentence(document["bridges"], write)
    own = [(text, names) for text, names in shared.items() if text not in told]
    if own:
        lines = tuple(f"{text} ({', '.join(names)})" for text, names in own)
        found += [Heading(write.word("assumed_bridges")), Items(lines)]
    return found or [Text(write.word("no_assumptions"))]


def _by_sentence(bridges: Sequence[Document], write: Writing) -> Mapping[str, list[str]]:
    """Assumptions of bridges, each once with the bridges that it concerns."""
    found: dict[str, list[str]] = {}
    for one in bridges:
        for text in write.all_said(one["assumptions"]):
            names = found.setdefault(text, [])
            if shown(one["name"]) not in names:
                names.append(shown(one["name"]))
    return found


def _cannot_say(document: Document, write: Writing) -> list[Block]:
    said = write.all_said(document["cannot_say"])
    return [Items(said)] if said else [Text(write.word("nothing_unsaid"))]


def _reproduce(source: Source, write: Writing) -> list[Block]:
    inputs = source.document["inputs"]
    base = inputs["base"]
    code = scenario_text(source.document)
    found: list[Block] = [
        Text(write.word("reproduce_lead")),
        Code(command_line(inputs)),
        Text(write.word("reproduce_base", name=shown(str(base.get("name", ""))),
                        version=base.get("version", NOTHING)), "note"),
        Link(write.word("result_at"), source.addresses["result"]),
        Link(write.word("document_at"), source.addresses["document"]),
        *_reachable(source, write),
        Facts(
            write.word("inputs"), _head(write),
            (
                (write.word("input.input_hash"), source.input_hash),
                (write.word("input.base_hash"), str(base.get("content_hash", NOTHING))),
                (write.word("input.bridges_hash"), str(inputs["bridges_hash"])),
                (write.word("input.engine"), _joined(inputs["engine"])),
                (write.word("input.traffic_engine"), _joined(inputs["traffic_engine"])),
                (write.word("input.product"), source.product),
                (write.word("input.seed"), str(inputs["seed"])),
                (write.word("input.members"), str(inputs["members"])),
                (write.word("input.gap"), f"{inputs['relative_gap']:g}"),
            ),
            is_code=True,
        ),
        Facts(write.word("data"), _head(write), _origin(base, write)),
    ]  # fmt: skip
    if len(code) <= LONGEST_CODE:
        found += [Heading(write.word("scenario")), Code(code)]
    else:
        found.append(Text(write.word("scenario_long"), "note"))
    return found


def command_line(inputs: Document) -> str:
    """Command that asks the same question again.

    Examples
    --------
    >>> base = {"name": "today", "version": 2}
    >>> command_line({"members": 50, "seed": 3, "relative_gap": 1e-4, "base": base})
    'twin measures run scenario.json --members 50 --seed 3  # base today, version 2'
    """
    members = f" --members {inputs['members']} --seed {inputs['seed']}" if inputs["members"] else ""
    base = inputs["base"]
    about = shown(f"base {base.get('name', '')}, version {base.get('version', NOTHING)}")
    return f"twin measures run scenario.json{members}  # {about}"


def _reachable(source: Source, write: Writing) -> list[Block]:
    """That addresses lead to nowhere but the computer that wrote them, if they do."""
    host = urlsplit(source.addresses["result"]).hostname or ""
    return [Text(write.word("addresses_local"), "note")] if host in LOOPBACK else []


def _joined(words: Sequence[str]) -> str:
    return " ".join(str(word) for word in words)


def _head(write: Writing) -> tuple[str, str]:
    return write.word("fact"), write.word("value")


def _origin(base: Document, write: Writing) -> tuple[tuple[str, str], ...]:
    """Where the numbers of the base come from, and of when."""
    made = base.get("made_at")
    when = write.texts.time(datetime.fromisoformat(made), has_date=True) if made else NOTHING
    origin, language = base.get("provenance") or {}, write.texts.language
    day = day_of(base.get("figures") or {})
    rows = [
        (
            write.word("origin.base"),
            f"{shown(str(base.get('name', '')))}, {base.get('version', '')}",
        ),
        (write.word("origin.roads_day"), NOTHING if day is None else write.texts.date(day)),
        (write.word("origin.made_at"), when),
        (write.word("origin.kind"), write.common(str(origin.get("kind", NOTHING)))),
        (write.word("origin.by"), shown(in_language(origin.get("by") or NOTHING, language))),
    ]
    units, figures = base.get("units") or {}, base.get("figures") or {}
    rows += [
        (write.named("figure", key), write.with_unit(value, str(units.get(key, ""))))
        for key, value in figures.items()
        if value is not None and key in write.texts.under("paper.figure.")
    ]
    return tuple((name, text) for name, text in rows)
