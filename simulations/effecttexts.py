"""What a scenario means beside flows, as text: heavy vehicles, emergency reach, load, emissions."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulations.wording import WIDTH, Words, column_heads, label, row

MOST_BRIDGES = 4
"""Bridges whose heavy vehicles are told by class; the file holds all."""
MOST_ZONES = 5
LEAST_VEHICLES_D = 1.0

Report = Mapping[str, Any]


def heavy_lines(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    """Heavy vehicles over each bridge before and after, and by class where they change most."""
    bridges = [item for item in report["bridges"] if "classes" in item]
    if not any(item["base_heavy_vehh"] + item["scenario_heavy_vehh"] > 0 for item in bridges):
        return
    unit = "vehd" if bridges[0]["base_heavy_vehd"] is not None else "vehh"
    yield f"{label(words('heavy_' + unit))}{column_heads(words)}"
    for item in sorted(bridges, key=lambda one: -_heavy_change(one, unit)):
        before, after = (item[f"{side}_heavy_{unit}"] for side in ("base", "scenario"))
        yield row(
            names.get(item["asset"], item["asset"]),
            before,
            after,
            item[f"heavy_floor_{unit}"],
            words,
        )
    changed = [
        item
        for item in sorted(bridges, key=lambda one: -abs(_heavy_change(one, unit)))
        if abs(_heavy_change(item, unit)) > item[f"heavy_floor_{unit}"]
    ]
    for item in changed[:MOST_BRIDGES]:
        yield f"  {names.get(item['asset'], item['asset'])}"
        for member in item["classes"]:
            before, after = member[f"base_{unit}"], member[f"scenario_{unit}"]
            if member["is_heavy"] and max(before, after) >= LEAST_VEHICLES_D:
                name = f"    {words.vehicles(member['class'])}"
                yield (
                    f"{name:<{WIDTH}}{words.number(before):>13}{words.number(after):>13}"
                    f"{words.number(after - before, sign=True):>13}"
                )
    yield from (f"  {words.statement(said)}" for said in report.get("bridge_assumptions", ()))


def _heavy_change(item: Report, unit: str) -> float:
    return item[f"scenario_heavy_{unit}"] - item[f"base_heavy_{unit}"]


def reach_lines(report: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    """Residents within each limit before and after, zones newly beyond it; or why there is none."""
    found = report.get("reach")
    if found is None:
        return
    if found["status"] != "computed":
        yield f"{words('reach')}: {words('reach_' + found['status'])}"
    else:
        yield from _reached(found, words, names)
    alternatives = found["without_alternative"]
    if alternatives["status"] == "too_large":
        yield words("alternatives_too_large")
    for item in alternatives["newly"]:
        yield words(
            "newly_without_alternative",
            bridge=names.get(item["asset"], item["asset"]),
            cut=words.number(item["cut_off_vehh"]),
            late=words.number(item["delayed_vehh"]),
            minutes=words.number(alternatives["added_minutes"]),
        )


def _reached(found: Report, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    yield f"{label(words('reach_residents'))}{column_heads(words, floor=False)}"
    for kind in found["kinds"]:
        for limit in kind["limits"]:
            name = words(
                "reach_within",
                kind=words(kind["kind"]),
                count=words.number(kind["places"]),
                minutes=words.number(limit["minutes"]),
            )
            yield row(name, limit["base_residents"], limit["scenario_residents"], None, words)
    for kind in found["kinds"]:
        for limit in kind["limits"]:
            zones = [_zone(item, words, names) for item in limit["newly_beyond"]]
            if zones:
                more = len(zones) - MOST_ZONES
                shown = "; ".join(zones[:MOST_ZONES]) + (f" (+{more})" if more > 0 else "")
                key = "newly_beyond"
                yield words(
                    key,
                    kind=words(kind["kind"]),
                    minutes=words.number(limit["minutes"]),
                    zones=shown,
                )
        if kind["quicker_zones"]:
            yield words("quicker_zones", count=words.number(kind["quicker_zones"]))
    for missing in found["missing"]:
        yield words("reach_missing", kind=words(missing))
    yield from (f"  {words.statement(said)}" for said in found["assumptions"])


def _zone(item: Report, words: Words, names: Mapping[str, str]) -> str:
    after = item["scenario_minutes"]
    times = f"{words.number(item['base_minutes'], digits=1)} > " + (
        words("unreachable") if after is None else words.number(after, digits=1)
    )
    return (
        f"{names.get(item['zone'], item['zone'])} ({words.number(item['residents'])}; {times} min)"
    )


def load_lines(report: Report, words: Words) -> Iterable[str]:
    """Vehicle-km by band of saturation, named as the indication on links that it is."""
    found = report.get("load")
    if found is None:
        return
    yield f"{label(words('load'))}{column_heads(words, floor=False)}"
    limits = [0.0, *found["upper_limits"]]
    for number, (before, after) in enumerate(
        zip(found["base_km"], found["scenario_km"], strict=True)
    ):
        lower = words.number(limits[number], digits=2)
        upper = limits[number + 1] if number + 1 < len(limits) else None
        name = (
            words("load_above", lower=lower)
            if upper is None
            else words("load_between", lower=lower, upper=words.number(upper, digits=2))
        )
        yield row(f"  {name}", before, after, None, words)
    yield words("load_label")


def emission_lines(report: Report, words: Words) -> Iterable[str]:
    """Emissions of both sides with their label; or why there is no number."""
    found = report.get("emissions")
    if found is None:
        return
    if not found["rows"]:
        yield f"{words('emissions')}: {words('emissions_no_table')}"
        return
    yield f"{label(words('emissions_kg_h'))}{column_heads(words, floor=False)}"
    for item in found["rows"]:
        yield row(item["pollutant"], item["base"], item["scenario"], None, words, digits=1)
    for said in dict.fromkeys(words.statement(item["label"]) for item in found["rows"]):
        first = found["rows"][0]
        worst = max(item["largest_fitting_error"] for item in found["rows"])
        yield f"  {said} ({first['tool_version']})"
        yield "  " + words(
            "emissions_error",
            error=words.share(worst),
            outside=words.share(max(item["outside_share"] for item in found["rows"])),
        )
