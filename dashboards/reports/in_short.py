"""The answer to a question of measures in a few sentences, for the result page and the paper. Pure.

What the structure gains, what traffic pays, which bridge gets the load, and what nobody knows.
"""

from collections.abc import Iterator, Sequence

from dashboards.joint_rows import mark_of, repeated, unit_of
from dashboards.reports.writing import Document, Writing, shown

MOST_DETOURS = 3


def in_short(document: Document, write: Writing) -> tuple[str, ...]:
    """Sentences in the order in which a decision needs them.

    Parameters
    ----------
    document
        Of the joint analysis, form 1.
    """
    again = repeated(document["bridges"])
    bridges = [one for one in document["bridges"] if one["part"] not in again]
    return (
        *(_target(one, write) for one in bridges if one["role"] == "target"),
        _detours(bridges, write),
        *_restrictions(bridges, write),
        *_traffic(document, write),
        *_unknown(document, write),
    )


def _target(one: Document, write: Writing) -> str:
    heavy, unit = one["heavy"], unit_of(one["heavy"])
    fatigue = one["fatigue"]
    damage = write.word("short.damage_unknown")
    if heavy[f"scenario_{unit}"] == 0.0:
        damage = write.word("short.no_load")
    elif fatigue["status"] != "not_assessable" and fatigue["factor"] is not None:
        named = write.named("fatigue", fatigue["status"])
        damage = write.word("short.damage", factor=write.factor(fatigue["factor"]), kind=named)
    return write.word(
        "short.target",
        bridge=asset_name(one),
        before=write.fitting(heavy[f"base_{unit}"]),
        after=write.fitting(heavy[f"scenario_{unit}"]),
        per=write.word(f"short.{unit}"),
        damage=damage,
    )


def asset_name(one: Document) -> str:
    """Name of the bridge where its part carries all of it, else that of the part."""
    name = shown(one["name"])
    return name.rpartition(", ")[0] or name if one.get("carries_whole_bridge") else name


def _detours(bridges: Sequence[Document], write: Writing) -> str:
    more = [
        one
        for one in bridges
        if one["role"] != "target"
        and one["heavy"]["is_significant"]
        and (one["heavy"][f"change_{unit_of(one['heavy'])}"] or 0.0) > 0.0
    ]
    if not more:
        return write.word("short.no_detour")
    named = [_detour(one, write) for one in more[:MOST_DETOURS]]
    rest = len(more) - len(named)
    text = "; ".join([*named, *([write.word("short.more", n=rest)] if rest else [])])
    return write.word("short.detours", bridges=text)


def _detour(one: Document, write: Writing) -> str:
    heavy, unit = one["heavy"], unit_of(one["heavy"])
    band = write.span(heavy["band"], has_sign=True)
    return write.word(
        "short.detour" if not band else "short.detour_band",
        bridge=asset_name(one),
        change=write.signed(heavy[f"change_{unit}"]),
        per=write.word(f"short.{unit}"),
        band=band,
    )


def _restrictions(bridges: Sequence[Document], write: Writing) -> Iterator[str]:
    broken = [
        f"{asset_name(one)} ({write.named('restriction', item['kind'])})"
        for one in bridges
        for item in one["restrictions"]
        if item["status"] == "newly_violated"
    ]
    if broken:
        yield write.word("short.broken", bridges=", ".join(dict.fromkeys(broken)))
    else:
        yield write.word("short.none_broken")


def _traffic(document: Document, write: Writing) -> Iterator[str]:
    found = {one["key"]: one for one in document["kpis"]}
    hours, km, unserved = (found.get(key) for key in ("vehicle_h", "heavy_km", "unserved"))
    if hours is None or hours["change"] is None:
        return
    yield write.word(
        "short.traffic",
        hours=_change(hours, write),
        km=_change(km, write),
        unserved=_change(unserved, write),
    )


def _change(item: Document | None, write: Writing) -> str:
    """Change of a figure; that it says nothing where it lies within the noise."""
    if item is None or item["change"] is None:
        return write.word("short.not_known")
    change = write.signed(item["change"], 0)
    mark = mark_of(item)
    return change if not mark or change == "0" else f"{mark}\u202f{change}"


def _unknown(document: Document, write: Writing) -> Iterator[str]:
    count, parts = len(document["not_assessable"]), len(document["bridges"])
    if count:
        yield write.word("short.unknown", n=count, parts=parts)
