"""A report as a text for the terminal, in German or English."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.model.scenario_words import sentences
from twin.model.scenarios import from_document
from twin.model.tables import rows

MOST_LINKS = 12
"""Changed links in the text; the file holds all."""
WIDTH = 34

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
    """
    words = Words(language)
    parts = (
        _head(report, words, names),
        _unserved(report, words),
        _sums(report, words),
        _bridges(report, words, names),
        _links(report, words, names),
        _noise(report, words),
        _listed(words("warnings"), report["warnings"]),
        _listed(words("assumptions"), report["assumptions"]),
        _computed(report, words),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


class Words:
    """Words and numbers of a language."""

    def __init__(self, language: str) -> None:
        self.language = "de" if language == "de" else "en"
        column = "german" if self.language == "de" else "english"
        self._words = {row["key"]: row[column] for row in rows("run_words")}

    def __call__(self, key: str, **values: str) -> str:
        """The word of a key with its values; the key where there is none."""
        return self._words.get(key, key).format(**values)

    def number(self, value: float | None, *, digits: int = 0, sign: bool = False) -> str:
        """A number as the language writes it; a dash for none."""
        if value is None:
            return "-"
        text = f"{value:{'+' if sign else ''},.{digits}f}"
        if self.language == "de":
            text = text.translate(str.maketrans(",.", ".,"))
        return text


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
        line += "; " + words("held_out", share=f"{share:.0%}")
    yield line
    yield f"{words('provenance')}: {base['provenance']['kind']}, {base['provenance']['by']}"


def _unserved(report: Report, words: Words) -> Iterable[str]:
    found = report["unserved"]
    line = words(
        "unserved_line",
        scenario=words.number(found["scenario_vehh"]),
        base=words.number(found["base_vehh"]),
    )
    yield f"{words('unserved')}: {line}"
    for row in found["rows"][:5]:
        yield (
            f"  {row['class']} {row['origin']} > {row['destination']}: "
            f"{words.number(row['flow_vehh'])} ({row['reason']})"
        )


def _columns(words: Words) -> str:
    names = ("column_base", "column_scenario", "column_change")
    head = "".join(f"{words(name):>13}" for name in names)
    return f"{head}{'%':>8}{words('column_floor'):>11}"


def _row(label: str, base: float, scenario: float, floor: float, words: Words) -> str:
    change = scenario - base
    share = words.number(100 * change / base, digits=1, sign=True) if base > floor else "-"
    mark = " " if abs(change) > floor else "~"
    return (
        f"{label[:WIDTH]:<{WIDTH}}{words.number(base):>13}{words.number(scenario):>13}"
        f"{words.number(change, sign=True):>13}{share:>8}{words.number(floor, digits=1):>10}{mark}"
    )


def _sums(report: Report, words: Words) -> Iterable[str]:
    found = report["unserved"]
    is_common = abs(found["scenario_vehh"] - found["base_vehh"]) > 1e-6  # noqa: PLR2004 - rounding
    scope = "common" if is_common else "all"
    yield f"{'':<{WIDTH}}{_columns(words)}"
    for item in report["sums"]:
        if item["scope"] == scope:
            yield _row(words(item["key"]), item["base"], item["scenario"], item["threshold"], words)
    if is_common:
        yield words("common_pairs")


def _bridges(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    if not report["bridges"]:
        return
    yield f"{words('bridges'):<{WIDTH}}{_columns(words)}"
    for item in report["bridges"]:
        label = names.get(item["asset"], item["asset"])
        yield _row(label, item["base_vehh"], item["scenario_vehh"], item["floor_vehh"], words)


def _links(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    if not report["links"]:
        return
    yield words("links")
    for item in report["links"][:MOST_LINKS]:
        key = item["name"] or str(item["link"])
        label = f"{key} {names.get(key, '')}".strip()
        yield _row(label, item["base_vehh"], item["scenario_vehh"], item["floor_vehh"], words)


def _noise(report: Report, words: Words) -> Iterable[str]:
    noise, diversion = report["noise"], report["diversion"]
    line = words(
        "diversion_line",
        trips=words.number(diversion["trips_vehh"]),
        hours=words.number(diversion["extra_h"], digits=1),
        km=words.number(diversion["extra_km"]),
    )
    yield f"{words('diversion')}: {line}"
    counts = (str(noise["links_changed"]), str(noise["links"]))
    yield words("noise_line", changed=counts[0], links=counts[1])
    if noise["guessed_capacity_share"] is not None:
        yield words("guessed", share=f"{noise['guessed_capacity_share']:.0%}")
    if noise["is_screening"]:
        yield words("screening")


def _computed(report: Report, words: Words) -> Iterable[str]:
    solver = report["solver"]
    line = words(
        "computed_line",
        engine=" ".join(str(part) for part in report["engine"]),
        gap=f"{solver['relative_gap']:.1e}",
        target=f"{solver['target_gap']:g}",
        base=f"{report['noise']['base_gap']:.1e}",
        passes=str(solver["passes"]),
        seconds=words.number(solver["seconds"], digits=2),
        threads=str(solver["threads"]),
    )
    yield f"{words('computed')}: {line}"


def _listed(title: str, lines: Sequence[str]) -> Iterable[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  - {line}" for line in lines)
