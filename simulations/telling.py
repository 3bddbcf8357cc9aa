"""A report as a text for the terminal, in German or English."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulations.effecttexts import emission_lines, heavy_lines, load_lines, reach_lines
from simulations.statetexts import validity_lines
from simulations.wording import Words, column_heads, label, listed, row
from twin.model.scenario_words import sentences
from twin.model.scenarios import from_document
from twin.model.statements import statement

MOST_LINKS = 12
"""Changed links in the text; the file holds all."""
MOST_BRIDGES = 3
"""Bridges named in the summary."""
_ROUNDING = 1e-6

Report = Mapping[str, Any]


def report_text(report: Report, *, language: str, names: Mapping[str, str]) -> str:
    """Readable comparison: unserved trips first, every number beside its noise.

    Parameters
    ----------
    report
        The document of a run.
    language
        ``de`` or ``en``.
    names
        Readable names of links and assets by id.

    Notes
    -----
    A report with the key ``validity`` (`twin.model.traffic_state.validity`) says first whether live
    counts contradict its base.
    """
    words = Words(language)
    parts = (
        validity_lines(report.get("validity", {"status": "not_watched"}), words),
        _head(report, words, names),
        _unserved(report, words),
        _summary(report, words, names),
        _sums(report, words),
        _bridges(report, words, names),
        heavy_lines(report, words, names),
        _links(report, words, names),
        load_lines(report, words),
        reach_lines(report, words, names),
        emission_lines(report, words),
        _noise(report, words),
        listed(words("warnings"), report["warnings"], words),
        listed(words("assumptions"), report["assumptions"], words),
        _computed(report, words),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def _head(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    yield f"{words('scenario')}: {report['scenario']['name']}"
    said = sentences(from_document(report["scenario"]), language=words.language, names=names)
    for number, sentence in enumerate(said, 1):
        yield f"  {number}. {sentence}"
    base = report.get("base")
    if base is None:
        return
    figures = base["figures"]
    state = words("calibrated" if figures.get("is_calibrated") else "not_calibrated")
    line = f"{words('base')}: {base['name']}, {words('version')} {base['version']}, {state}"
    share = figures.get("held_out_geh_below_5")
    if share is not None:
        line += "; " + words("held_out", share=words.share(share))
    yield line
    by = statement(base["provenance"]["by"]).said(words.language)
    yield f"{words('provenance')}: {words(base['provenance']['kind'])}, {by}"


def _unserved(report: Report, words: Words) -> Iterable[str]:
    found = report["unserved"]
    line = words(
        "unserved_line",
        scenario=words.number(found["scenario_vehh"]),
        base=words.number(found["base_vehh"]),
    )
    yield f"{words('unserved')}: {line}"
    for item in found["rows"][:5]:
        ends = [item.get(f"{end}_name") or item[end] for end in ("origin", "destination")]
        yield (
            f"  {words.vehicles(item['class'])}, {ends[0]} > {ends[1]}: "
            f"{words.number(item['flow_vehh'])} ({words('unserved_' + item['reason'])})"
        )


def _summary(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    """What a reader takes away who reads nothing else."""
    diversion = report["diversion"]
    trips = diversion["trips_vehh"]
    if trips > 1.0:
        yield words(
            "summary_diverted",
            trips=words.number(trips),
            minutes=words.number(60.0 * diversion["extra_h"] / trips, digits=1),
            km=words.number(diversion["extra_km"] / trips, digits=1),
        )
    gains = [
        (item["scenario_vehh"] - item["base_vehh"], item)
        for item in report["bridges"]
        if item["scenario_vehh"] - item["base_vehh"] > item["floor_vehh"]
    ]
    gains.sort(key=lambda one: -one[0])
    told = []
    for gain, item in gains[:MOST_BRIDGES]:
        name = names.get(item["asset"], item["asset"])
        share = ""
        if item["base_vehh"] > item["floor_vehh"]:
            share = f" ({words.share(gain / item['base_vehh'], sign=True)})"
        told.append(f"{name} {words.number(gain, sign=True)}{share}")
    if told:
        yield words("summary_bridges", bridges="; ".join(told))
    over = report["indicators"].get("links_over_capacity")
    if over:
        before = report["indicators"].get("links_over_capacity_base")
        yield words("summary_over", count=words.number(over), base=words.number(before))


def _sums(report: Report, words: Words) -> Iterable[str]:
    found = report["unserved"]
    is_common = abs(found["scenario_vehh"] - found["base_vehh"]) > _ROUNDING
    scope = "common" if is_common else "all"
    yield f"{label(words('sums'))}{column_heads(words)}"
    shown = [item for item in report["sums"] if item["scope"] == scope]
    for item in shown:
        name = words(item["key"]) + ("" if item.get("is_unique", True) else " *")
        yield row(name, item["base"], item["scenario"], item["threshold"], words, digits=0)
    if not all(item.get("is_unique", True) for item in shown):
        yield words("sums_not_unique")
    if is_common:
        yield words("common_pairs")


def _bridges(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    if not report["bridges"]:
        return
    yield f"{label(words('bridges'))}{column_heads(words)}"
    for item in report["bridges"]:
        name = names.get(item["asset"], item["asset"])
        yield row(name, item["base_vehh"], item["scenario_vehh"], item["floor_vehh"], words)


def _links(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    shown = report["links"][:MOST_LINKS]
    if not shown:
        return
    yield f"{label(words('links'))}{column_heads(words)}"
    for item in shown:
        key = item["name"] or str(item["link"])
        name = f"{key} {names.get(key, '')}".strip() + ("" if item["is_unique"] else " *")
        yield row(name, item["base_vehh"], item["scenario_vehh"], item["floor_vehh"], words)
    if not all(item["is_unique"] for item in shown):
        yield words("links_not_unique")


def _noise(report: Report, words: Words) -> Iterable[str]:
    noise, diversion = report["noise"], report["diversion"]
    line = words(
        "diversion_line",
        trips=words.number(diversion["trips_vehh"]),
        hours=words.number(diversion["extra_h"], digits=1),
        km=words.number(diversion["extra_km"]),
    )
    yield f"{words('diversion')}: {line}"
    yield words(
        "noise_line",
        changed=words.number(noise["links_changed"]),
        links=words.number(noise["links"]),
    )
    if noise["guessed_capacity_share"] is not None:
        yield words("guessed", share=words.share(noise["guessed_capacity_share"]))
    if noise["is_screening"]:
        yield words("screening")


def _computed(report: Report, words: Words) -> Iterable[str]:
    solver = report["solver"]
    line = words(
        "computed_line",
        engine=" ".join(str(part) for part in report["engine"]),
        gap=words.scientific(solver["relative_gap"]),
        target=f"{solver['target_gap']:g}",
        base=words.scientific(report["noise"]["base_gap"]),
        passes=str(solver["passes"]),
        seconds=words.number(solver["seconds"], digits=2),
        threads=str(solver["threads"]),
    )
    yield f"{words('computed')}: {line}"
