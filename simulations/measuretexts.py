"""The document of a measures run as a text for the terminal, in German or English."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulations.wording import WIDTH, Words, label, listed
from twin.model.statements import statement

MOST_BRIDGES_TOLD = 6
"""Bridges whose chain is told; the table holds all."""

Document = Mapping[str, Any]


def measures_text(document: Document, *, language: str) -> str:
    """Readable answer: bridges by added heavy vehicles, causes, cost, restrictions, limits.

    Parameters
    ----------
    document
        Of a measures run.
    language
        ``de`` or ``en``.
    """
    words = Words(language)
    parts = (
        _head(document, words),
        _findings(document, words),
        _bridges(document, words),
        _chains(document, words),
        _restrictions(document, words),
        _kpis(document, words),
        _not_assessable(document, words),
        listed(words("cannot_say"), document["cannot_say"], words),
        listed(words("warnings"), document["warnings"], words),
        listed(words("assumptions"), document["assumptions"], words),
        _inputs(document, words),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def _head(document: Document, words: Words) -> Iterable[str]:
    yield f"{words('scenario')}: {document['scenario']['name']}"
    for number, sentence in enumerate(document["sentences"][words.language], 1):
        yield f"  {number}. {sentence}"
    base = document["inputs"]["base"]
    state = words("calibrated" if base["figures"].get("is_calibrated") else "not_calibrated")
    line = f"{words('base')}: {base['name']}, {words('version')} {base['version']}, {state}"
    share = base["figures"].get("held_out_geh_below_5")
    if share is not None:
        line += "; " + words("held_out", share=words.share(share))
    yield line
    by = statement(base["provenance"]["by"]).said(words.language)
    yield f"{words('provenance')}: {words(base['provenance']['kind'])}, {by}"


def _findings(document: Document, words: Words) -> Iterable[str]:
    if document["findings"]:
        yield f"{words('measure_findings')}:"
    for item in document["findings"]:
        yield f"  [{words('severity_' + item['severity'])}] {words.statement(item['text'])}"


def _bridges(document: Document, words: Words) -> Iterable[str]:
    if not document["bridges"]:
        return
    names = ("column_base", "column_scenario", "column_change", "column_band", "column_damage")
    widths = (10, 10, 10, 24, 12)
    head = "".join(f"{words(name):>{width}}" for name, width in zip(names, widths, strict=True))
    has_days = any(item["heavy"]["base_vehd"] is not None for item in document["bridges"])
    yield f"{label(words('heavy_vehd' if has_days else 'measure_hourly'))}{head}"
    seen: set[str] = set()
    for item in document["bridges"]:
        is_again = item.get("carries_whole_bridge") and item["asset"] in seen
        seen.add(item["asset"])
        numbers = _same(words) if is_again else _heavy(item["heavy"], words, has_days=has_days)
        yield f"{label(item['name'])}{numbers}{_factor(item['fatigue'], words):>12}"
    if any(item.get("carries_whole_bridge") for item in document["bridges"]):
        yield words("measure_parts")
    if any(not item["heavy"]["is_significant"] for item in document["bridges"]):
        yield words("measure_noise")
    if any(item["fatigue"]["status"] == "relative" for item in document["bridges"]):
        yield words("measure_relative")


def _heavy(heavy: Mapping[str, Any], words: Words, *, has_days: bool) -> str:
    """Before, after, change and band, a day or, where no figure a day is known, an hour."""
    unit = "vehd" if has_days else "vehh"
    mark = _mark(heavy)
    return (
        f"{words.number(heavy[f'base_{unit}']):>10}{words.number(heavy[f'scenario_{unit}']):>10}"
        f"{words.number(heavy[f'change_{unit}'], sign=True):>10}{mark:1}"
        f"{_band(heavy['band'], words):>23}"
    )


def _mark(item: Mapping[str, Any]) -> str:
    """Behind a change that does not count: noise without a band, or a band that holds zero."""
    if item["is_significant"]:
        return ""
    return "\u00b1" if item["band"] else "~"


def _same(words: Words) -> str:
    """In place of numbers that a part shares with the one above."""
    return "".join(f"{words('measure_same'):>10}" for _ in range(3)) + " " * 24


def _band(band: Mapping[str, Any] | None, words: Words) -> str:
    if band is None:
        return "-"
    ends = [words.number(band[end], sign=True) for end in ("low", "high")]
    return words("band_between", low=ends[0], high=ends[1])


def _factor(fatigue: Mapping[str, Any], words: Words) -> str:
    if fatigue["factor"] is None:
        return words("measure_no_factor")
    star = "*" if fatigue["status"] == "relative" else ""
    return f"x {words.number(fatigue['factor'], digits=2)}{star}"


def _chains(document: Document, words: Words) -> Iterable[str]:
    told = [item for item in document["bridges"] if item["chain"]]
    if told:
        yield f"{words('measure_chain')}:"
    for item in told[:MOST_BRIDGES_TOLD]:
        yield f"  {item['name']}"
        yield from (f"    {words.statement(line)}" for line in item["chain"])


def _restrictions(document: Document, words: Words) -> Iterable[str]:
    told = {}
    for item in document["bridges"]:
        key = item["asset"] if item.get("carries_whole_bridge") else item["part"]
        told.setdefault(key, item)
    found = [(item, met) for item in told.values() for met in item["restrictions"]]
    if found:
        yield f"{words('measure_restrictions')}:"
    for item, met in found:
        value = "" if met["value"] is None else f" {_short(met['value'], words)} "
        size = f"{words('kind_' + met['kind'])}{value}{met['unit']}".rstrip()
        line = f"  {item['name']}, {size}: {words('met_' + met['status'])}"
        if met["scenario_vehd"]:
            line += "; " + words("met_breaking", vehicles=words.number(met["scenario_vehd"]))
        if met["avoiding_vehd"]:
            line += "; " + words(
                "met_avoiding", vehicles=words.number(_rough(met["avoiding_vehd"]))
            )
        yield line


def _rough(value: float) -> float:
    """Two digits of a number that has no band."""
    return float(f"{value:.2g}")


def _short(value: float, words: Words) -> str:
    """A limit without decimals that say nothing."""
    return words.number(value, digits=0 if value == round(value) else 1)


def _kpis(document: Document, words: Words) -> Iterable[str]:
    names = ("column_base", "column_scenario", "column_change")
    head = "".join(f"{words(name):>13}" for name in names)
    yield f"{label(words('sums'))}{head}{words('column_band'):>22}"
    for item in document["kpis"]:
        digits = 2 if item["key"] == "travel_time_index" else 0
        mark = _mark(item)
        yield (
            f"{label(words('kpi_' + item['key']))}{words.number(item['base'], digits=digits):>13}"
            f"{words.number(item['scenario'], digits=digits):>13}"
            f"{words.number(item['change'], digits=digits, sign=True):>13}{mark:1}"
            f"{_band(item['band'], words):>21}"
        )


def _not_assessable(document: Document, words: Words) -> Iterable[str]:
    if document["not_assessable"]:
        yield f"{words('measure_not_assessable')}:"
    for item in document["not_assessable"]:
        yield f"  {item['name'][:WIDTH]}: {words.statement(item['reason'])}"


def _inputs(document: Document, words: Words) -> Iterable[str]:
    inputs = document["inputs"]
    yield words(
        "measure_inputs",
        engine=" ".join(str(part) for part in inputs["engine"]),
        traffic=" ".join(str(part) for part in inputs["traffic_engine"]),
        gap=words.scientific(inputs["relative_gap"]),
        members=str(inputs["members"]),
        seed=str(inputs["seed"]),
    )
    yield words(
        "measure_hashes",
        input=str(inputs["input_hash"])[:12],
        base=str(inputs["base"]["content_hash"])[:12],
        bridges=str(inputs["bridges_hash"])[:12],
    )
