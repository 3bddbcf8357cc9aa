"""Structures of the National Bridge Inventory as records of our inventory, and what is doubtful."""

from collections.abc import Iterable, Mapping

from twin.errors import ModelError
from twin.exchange.asb_ing import FileReport, Inventory
from twin.exchange.asb_mapping import InventoryMapping
from twin.exchange.nbi import NbiBridge, NbiList, read_nbi
from twin.exchange.places import to_utm
from twin.model.bridge import Crossing, PartStructure, Structure, TrafficFigure
from twin.model.inspection import Condition, Inspection
from twin.model.provenance import Provenance
from twin.model.record_keys import record_key
from twin.model.records import (
    CONTENTS,
    Content,
    InventoryRecord,
    RecordKind,
    WorkItem,
    problems_of,
)

CLOSED = "K"
POSITION = "east_m"
MOST_YEAR = 2100
KIND_OF: Mapping[type, RecordKind] = {content: kind for kind, content in CONTENTS.items()}


def read_nbi_inventory(files: Mapping[str, bytes], mapping: InventoryMapping) -> Inventory:
    """Records and work items of lists of the National Bridge Inventory.

    Raises
    ------
    ModelError
        If a file has no header of items, or the mapping does not say where the list comes from.
    """
    if not mapping.source:
        raise ModelError("the mapping of an NBI list needs `source`, such as the id of a reference")
    records: list[InventoryRecord] = []
    items: list[WorkItem] = []
    reports: list[FileReport] = []
    for name, content in files.items():
        found = read_nbi(content, name=name, encoding=mapping.encoding)
        before = len(records)
        for bridge in found.bridges:
            for record in _records(bridge, mapping):
                problems = problems_of(record.content)
                if problems:
                    detail = f"{bridge.number}: {'; '.join(problems)}; correct the list"
                    items.append(_item(name, "row_refused", detail, bridge, mapping))
                else:
                    records.append(record)
        items += _items(name, found, mapping)
        rows, kept = found.rows, len(records) - before
        reports.append(FileReport(name, "part_structure", found.encoding, rows, kept, ()))
    return Inventory(tuple(records), tuple(items), tuple(reports))


def _items(name: str, found: NbiList, mapping: InventoryMapping) -> Iterable[WorkItem]:
    for row in found.rejected:
        detail = f"{row.reason}: {row.detail}; correct the row and import the list again"
        yield WorkItem(name, "row_refused", detail, row=row.line)
    for bridge in found.bridges:
        if bridge.position_problem:
            detail = f"{bridge.number}: {bridge.position_problem}; it is never drawn"
            yield _item(name, "sentinel", detail, bridge, mapping, field=POSITION)
        if bridge.number not in mapping.assets:
            detail = (
                f"{bridge.number}: no asset of the map belongs to it; link it under "
                "[inventory.assets]"
            )
            yield _item(name, "not_on_map", detail, bridge, mapping)


def _item(
    name: str,
    code: str,
    detail: str,
    bridge: NbiBridge,
    mapping: InventoryMapping,
    *,
    field: str = "",
) -> WorkItem:
    return WorkItem(name, code, detail, _asset(bridge, mapping), "", field, bridge.line)


def _asset(bridge: NbiBridge, mapping: InventoryMapping) -> str:
    return mapping.assets.get(bridge.number, bridge.number)


def _records(bridge: NbiBridge, mapping: InventoryMapping) -> Iterable[InventoryRecord]:
    provenance = Provenance("sourced", by=mapping.by, references=(mapping.source,))
    for content, notes in _contents(bridge):
        kind = KIND_OF[type(content)]
        yield InventoryRecord(
            asset_id=_asset(bridge, mapping),
            kind=kind,
            key=record_key(kind, content),
            content=content,
            provenance=provenance,
            licence=mapping.licence,
            as_of=mapping.as_of,
            notes=notes,
        )


def _contents(bridge: NbiBridge) -> Iterable[tuple[Content, Mapping[str, str]]]:
    on = next((route for route in bridge.routes if route.is_on), bridge.routes[0])
    roads = tuple(dict.fromkeys(route.facility for route in bridge.routes if route.facility))
    yield Structure(bridge.number, name=on.facility, place=on.location, roads=roads), {}
    yield _part(bridge, on.features), _part_notes(bridge)
    if bridge.inspected:
        year = int(bridge.inspected[:4])
        ratings = ", ".join(f"{part} {value}" for part, value in bridge.ratings.items())
        stated = f"{ratings} (NBI, 0 to 9)" if ratings else ""
        note = {"end": f"month {bridge.inspected}; the list states no day"}
        yield Inspection(year=year, condition=Condition(driver=stated) if stated else None), note
    year = bridge.items.get("YEAR_ADT_030", "")
    if on.vehicles_per_day is not None and year.isdigit() and int(year) <= MOST_YEAR:
        yield TrafficFigure(int(year), float(on.vehicles_per_day)), {}


def _part(bridge: NbiBridge, features: str) -> PartStructure:
    east_m = north_m = None
    crs = ""
    if bridge.latitude is not None and bridge.longitude is not None:
        east_m, north_m, epsg = to_utm(bridge.longitude, bridge.latitude)
        crs = f"EPSG:{epsg}"
    return PartStructure(
        bridge.number,
        "",
        year_built=bridge.year_built,
        under_traffic=None if not bridge.status else bridge.status != CLOSED,
        length_m=_metres(bridge, "STRUCTURE_LEN_MT_049"),
        total_width_m=_metres(bridge, "DECK_WIDTH_MT_052"),
        main_span_m=_metres(bridge, "MAX_SPAN_LEN_MT_048"),
        east_m=east_m,
        north_m=north_m,
        crs=crs,
        crossings=(Crossing("", features),) if features else (),
    )


def _metres(bridge: NbiBridge, item: str) -> float | None:
    try:
        number = float(bridge.items.get(item, ""))
    except ValueError:
        return None
    return number if number > 0.0 else None


def _part_notes(bridge: NbiBridge) -> Mapping[str, str]:
    notes: dict[str, str] = {}
    if bridge.position_problem:
        notes[POSITION] = bridge.position_problem
    if bridge.under_clearance_m is not None:
        notes["crossings"] = f"clearance below {bridge.under_clearance_m:g} m (item 54B)"
    if bridge.status:
        notes["under_traffic"] = f"item 41: {bridge.status}"
    return notes
