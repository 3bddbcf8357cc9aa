"""Tables of a paper: bridges, restrictions, crossings, causes, figures of the town. Pure."""

from collections.abc import Mapping, Sequence

from dashboards.i18n.translate import NOTHING
from dashboards.joint_rows import mark_of, repeated, rough, source_said, unit_of
from dashboards.reports.paper import Cell, Column, Table, table
from dashboards.reports.writing import Document, Writing, shown

MOST_CAUSES = 5
MOST_STREETS = 12
MOST_UNSERVED = 10
KPI_DECIMALS = {"travel_time_index": 3, "delay_h": 1, "unserved": 1}


def bridge_table(bridges: Sequence[Document], write: Writing) -> Table:
    """Bridges as the document ranks them; numbers are those of the maps."""
    columns = (
        Column("", "right", 0.3),
        Column(write.word("column.bridge"), share=2.3),
        Column(write.word("column.before"), "right", 0.85),
        Column(write.word("column.after"), "right", 0.85),
        Column(write.word("column.change"), "right", 1.25),
        Column(write.word("column.damage"), "right", 1.45),
        Column(write.word("column.utilisation"), "right", 1.3),
    )
    again = repeated(bridges)
    rows = [
        _bridge(number, one, write, is_again=one["part"] in again)
        for number, one in enumerate(bridges, 1)
    ]
    notes = [write.word("bridges_note"), write.word("damage_note")]
    if any(one["utilisation"]["band"] for one in bridges):
        notes.append(write.said(next(
            one["utilisation"].get("band_note") or "" for one in bridges
            if one["utilisation"]["band"]
        )))  # fmt: skip
    if any(unit_of(one["heavy"]) == "vehh" for one in bridges):
        notes.insert(0, write.word("per_hour"))
    note = " ".join(notes)
    return table(write.word("caption.bridges"), columns, rows, note=note)


def _bridge(number: int, one: Document, write: Writing, *, is_again: bool) -> list[Cell]:
    heavy, unit = one["heavy"], unit_of(one["heavy"])
    roles = [write.named("role", one["role"])]
    roles += [write.word("level", level=shown(one["level"]))] if one["level"] else []
    roles += [write.named("label", heavy["label"])] if heavy["label"] else []
    roles += [write.word("whole_bridge")] if one.get("carries_whole_bridge") else []
    change = write.signed(heavy.get(f"change_{unit}"))
    if heavy.get(f"change_{unit}") is not None:
        change = _marked(change, heavy)
    numbers = [
        Cell(write.fitting(heavy.get(f"base_{unit}"))),
        Cell(write.fitting(heavy.get(f"scenario_{unit}"))),
        Cell(change, write.span(heavy["band"], has_sign=True), is_strong=heavy["is_significant"]),
    ]
    if is_again:
        numbers = [Cell(NOTHING), Cell(NOTHING), Cell(NOTHING, write.word("same_vehicles"))]
    return [
        Cell(str(number)),
        Cell(shown(one["name"]), ", ".join(roles), is_strong=True),
        *numbers,
        _damage(one["fatigue"], write),
        _utilisation(one["utilisation"], write),
    ]


def _marked(change: str, item: Document) -> str:
    """A change behind its mark, if it does not count; nothing needs none."""
    mark = mark_of(item)
    return f"{mark}\u202f{change}" if mark and change != "0" else change


def _damage(fatigue: Document, write: Writing) -> Cell:
    """Factor of the damage rate; what only compares loads says so; else that there is none."""
    status = fatigue["status"]
    if status == "not_assessable":
        return Cell(write.named("fatigue", status))
    band = write.factor_span(fatigue["band"])
    if status == "relative":
        both = fatigue.get("factors") or [fatigue["factor"]]
        powers = " / ".join(write.factor(one) for one in both)
        return Cell(powers, " ".join(filter(None, (band, write.named("fatigue", status)))))
    note = " ".join(
        part for part in (band, f"({fatigue['tool']})" if fatigue["tool"] else "") if part
    )
    return Cell(write.factor(fatigue["factor"]), note)


def _utilisation(found: Document, write: Writing) -> Cell:
    if found["status"] != "computed":
        return Cell(NOTHING)
    before, after = write.number(found["base"], 2), write.number(found["scenario"], 2)
    note = " ".join(
        part for part in (shown(found["target"]), write.span(found["band"], decimals=2)) if part
    )
    return Cell(f"{before} → {after}", note)


def crossing_table(bridges: Sequence[Document], write: Writing) -> Table | None:
    """Crossings above masses, of the bridges where any is; None without one."""
    rows: list[list[Cell]] = []
    again = repeated(bridges)
    for one in bridges:
        for item in () if one["part"] in again else one["crossings_above"]:
            before, after = item["base_vehd"], item["scenario_vehd"]
            if not before and not after:
                continue
            change = None if before is None or after is None else after - before
            rows.append([
                Cell(shown(one["name"])),
                Cell(write.fitting(item["limit_t"])),
                Cell(write.fitting(before)),
                Cell(write.fitting(after)),
                Cell(write.signed(change), write.span(item["band"], has_sign=True)),
            ])  # fmt: skip
    columns = (
        Column(write.word("column.bridge"), share=2.4),
        Column(write.word("column.limit_t"), "right"),
        Column(write.word("column.before"), "right"),
        Column(write.word("column.after"), "right"),
        Column(write.word("column.change"), "right", 1.3),
    )
    return table(write.word("caption.crossings"), columns, rows) if rows else None


def restriction_table(bridges: Sequence[Document], write: Writing) -> Table | None:
    """Restrictions in force, what traffic meets first; None without one."""
    order = ("newly_violated", "violated", "not_above_noise", "avoided", "kept", "not_assessable")
    again = repeated(bridges)
    found = [
        (one, item) for one in bridges if one["part"] not in again for item in one["restrictions"]
    ]
    found.sort(key=lambda pair: order.index(pair[1]["status"]))
    rows = [
        [
            Cell(shown(one["name"])),
            Cell(_extent(item, write), shown(source_said(item["source"], write.texts.language))),
            Cell(
                write.named("restriction_status", item["status"]),
                write.said(item["reason"]) if item.get("reason") else "",
            ),
            Cell(write.fitting(item["base_vehd"])),
            Cell(write.fitting(item["scenario_vehd"])),
            Cell(_about(item["avoiding_vehd"], write)),
        ]
        for one, item in found
    ]
    columns = (
        Column(write.word("column.bridge"), share=1.6),
        Column(write.word("column.restriction"), share=1.8),
        Column(write.word("column.status"), share=1.3),
        Column(write.word("column.breaking_before"), "right"),
        Column(write.word("column.breaking_after"), "right"),
        Column(write.word("column.avoiding"), "right"),
    )
    note = write.word("avoiding_note") if any(one["avoiding_vehd"] for _, one in found) else ""
    return table(write.word("caption.restrictions"), columns, rows, note=note) if rows else None


def _about(value: float | None, write: Writing) -> str:
    """A number of which only the order of magnitude is known; nothing is exactly nothing."""
    return f"≈\u202f{write.fitting(rough(value))}" if value else write.fitting(value)


def _extent(item: Document, write: Writing) -> str:
    name = write.named("restriction", item["kind"])
    return (
        name if item["value"] is None else f"{name} {write.with_unit(item['value'], item['unit'])}"
    )


def cause_table(bridge: Document, write: Writing) -> Table | None:
    """Trips that the measure brings onto a bridge or takes off it; None if none is known."""
    causes = bridge["causes"][:MOST_CAUSES]
    rows = [
        [
            Cell(_place(item, "origin")),
            Cell(_place(item, "destination")),
            Cell(write.signed(item["vehd"])),
            Cell(write.signed(item["heavy_vehd"])),
            Cell(write.signed(item["above_30t_vehd"])),
        ]
        for item in causes
    ]
    columns = (
        Column(write.word("column.origin"), share=2.0),
        Column(write.word("column.destination"), share=2.0),
        Column(write.word("column.all_vehd"), "right"),
        Column(write.word("column.heavy_vehd"), "right"),
        Column(write.word("column.above_30t"), "right"),
    )
    caption = write.word("caption.causes", name=shown(bridge["name"]))
    return table(caption, columns, rows) if rows else None


def _place(item: Document, end: str) -> str:
    return shown(item[f"{end}_name"]) or str(item[end])


def kpi_table(kpis: Sequence[Document], write: Writing) -> Table:
    """What traffic pays: figures of the whole town on both sides, with bands."""
    columns = (
        Column(write.word("column.figure"), share=2.4),
        Column(write.word("column.before"), "right"),
        Column(write.word("column.after"), "right"),
        Column(write.word("column.change"), "right"),
        Column(write.word("column.band"), "right", 1.4),
        Column(write.word("column.provenance"), share=1.0),
    )
    rows = [_kpi(item, write) for item in kpis]
    return table(write.word("caption.kpis"), columns, rows, note=write.word("kpis_note"))


def _kpi(item: Document, write: Writing) -> list[Cell]:
    largest = max((abs(v) for v in (item["base"], item["scenario"]) if v is not None), default=0.0)
    places = KPI_DECIMALS.get(item["key"], 0 if largest >= 10.0 else 1)  # noqa: PLR2004 - two digits
    if item["base"] is not None and float(item["base"]).is_integer() and places == 1:
        places = 0 if item["scenario"] is None or float(item["scenario"]).is_integer() else 1
    change = write.signed(item["change"], places)
    if item["change"] is not None:
        change = _marked(change, item)
    unit = write.named("unit", item["key"])
    return [
        Cell(write.named("kpi", item["key"]), unit),
        Cell(write.number(item["base"], places)),
        Cell(write.number(item["scenario"], places)),
        Cell(change, is_strong=item["is_significant"]),
        Cell(write.span(item["band"], has_sign=True, decimals=places) or NOTHING),
        Cell(
            write.common(str(item["provenance"]).partition(":")[0]),
            write.said(item["remark"]) if item.get("remark") else "",
        ),
    ]


def street_table(traffic: Document, write: Writing, *, names: Mapping[str, str]) -> Table | None:
    """Roads that change most beyond the noise; both directions of one name are two rows."""
    roads: dict[str, list[Document]] = {}
    for item in traffic.get("links") or ():
        if abs(item["scenario_vehh"] - item["base_vehh"]) > item["floor_vehh"]:
            own = str(item.get("name", ""))
            name = shown(names.get(own, own)) or str(item["link"])
            roads.setdefault(name, []).append(item)
    found = [(name, one) for name, items in roads.items() for one in items[:1]]
    rows = [
        [
            Cell(name),
            Cell(write.number(one["base_vehh"])),
            Cell(write.number(one["scenario_vehh"])),
            Cell(write.signed(one["scenario_vehh"] - one["base_vehh"], 0)),
            Cell(write.number(one["floor_vehh"], 1)),
        ]
        for name, one in found[:MOST_STREETS]
    ]
    columns = (
        Column(write.word("column.street"), share=3.0),
        Column(write.word("column.before"), "right"),
        Column(write.word("column.after"), "right"),
        Column(write.word("column.change"), "right"),
        Column(write.word("column.floor"), "right"),
    )
    return table(write.word("caption.streets"), columns, rows) if rows else None


def unserved_table(traffic: Document, write: Writing) -> Table | None:
    """Trips that find no allowed way, with the reason; None if all arrive."""
    found = (traffic.get("unserved") or {}).get("rows") or ()
    rows = [
        [
            Cell(_place(item, "origin")),
            Cell(_place(item, "destination")),
            Cell(write.common(item["class"])),
            Cell(write.fitting(item["flow_vehh"])),
            Cell(write.common(item["reason"], prefix="unserved_")),
        ]
        for item in found[:MOST_UNSERVED]
    ]
    columns = (
        Column(write.word("column.origin"), share=1.6),
        Column(write.word("column.destination"), share=1.6),
        Column(write.word("column.class"), share=1.4),
        Column(write.word("column.trips"), "right", 0.8),
        Column(write.word("column.reason"), share=1.6),
    )
    note = (
        write.word("unserved_more", n=len(found) - MOST_UNSERVED)
        if len(found) > MOST_UNSERVED
        else ""
    )
    return table(write.word("caption.unserved"), columns, rows, note=note) if rows else None
