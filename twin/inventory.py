"""Inventory lists become records and a work list: ``twin import bridges``, and with the city."""

import argparse
import mimetypes
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from twin.bridge_links import confirm, proposal_lines, propose, with_confirmed
from twin.city import Twin
from twin.errors import ModelError
from twin.exchange.asb_ing import Inventory, read_inventory, report_lines
from twin.exchange.asb_mapping import InventoryMapping, read_mapping
from twin.exchange.nbi_records import read_nbi_inventory
from twin.exchange.places import Extent, extent_of, without_far_places
from twin.exchange.spreadsheet import ENDINGS
from twin.model.provenance import Provenance
from twin.model.records import Attachment
from twin.runtime import open_twin
from twin.settings import Settings

TABLES = (".csv", ".json", ".txt", *ENDINGS)
ATTACHMENTS = (".jpg", ".jpeg", ".png", ".pdf")
ATTACHED = "attachments"
"""Folder beside the lists: files below ``attachments/<asset or number>/`` belong to that asset."""


FOLDER, MAPPING = "inventory", "mapping.toml"
"""Lists in a folder of the city, with their mapping: they are loaded with the city."""


def load_inventory(twin: Twin, city_folder: Path, *, extent: Sequence[float] = ()) -> Sequence[str]:
    """Keep the inventory that lies in a city folder, if there is one; sentences about it."""
    folder = city_folder / FOLDER
    if not folder.is_dir():
        return ()
    if not (folder / MAPPING).is_file():
        raise ModelError(f"{folder} has no {MAPPING}; docs/import.md says what stands there")
    mapping = read_mapping((folder / MAPPING).read_text("utf-8"), name=MAPPING)
    files = _files(folder)
    found = read_lists(twin, files, mapping, extent=extent)
    said = keep_inventory(twin, found, sources=list(files))
    return (*said, *attach_files(twin, folder, mapping))


def import_bridges(settings: Settings, arguments: Sequence[str]) -> int:
    """Read lists and keep what is sound; 1 if rows were refused, 0 if everything was taken over."""
    options = _parser().parse_args(arguments)
    if options.path is None or options.map is None:
        return _match(settings, options)
    mapping = read_mapping(options.map.read_text("utf-8"), name=options.map.name)
    files = _files(options.path)
    twin = open_twin(settings, role="work")
    try:
        found = read_lists(twin, files, mapping, extent=settings.city.extent)
        _tell(report_lines(found))
        if options.dry_run:
            _tell(["nothing was stored"])
        else:
            _tell(keep_inventory(twin, found, sources=list(files)))
            _tell(attach_files(twin, options.path, mapping))
    finally:
        twin.close()
    refused = ("row_refused", "duplicate", "unit_suspect")
    return int(any(item.code in refused for item in found.items))


def _match(settings: Settings, options: argparse.Namespace) -> int:
    """Confirm one match with the road network, if asked to, and tell the open proposals."""
    if options.path is not None or (options.confirm is None and not options.match):
        raise ModelError("say which list with which mapping (--map), or --match, or --confirm")
    twin = open_twin(settings, role="work")
    try:
        if options.confirm is not None:
            name, _, links = options.confirm.partition("=")
            confirm(
                twin, name, [one for one in links.split(",") if one],
                person=options.person, reason=options.reason,
            )  # fmt: skip
        found = propose(twin)
        _tell([*proposal_lines(found), f"{len(found)} matches wait for a confirmation"])
    finally:
        twin.close()
    return 0


def read_lists(
    twin: Twin,
    files: Mapping[str, bytes],
    mapping: InventoryMapping,
    *,
    extent: Sequence[float] = (),
) -> Inventory:
    """Records and work items of lists, beside what the city knows already.

    Positions outside of the city are left out and listed: outside of its extent (west, south, east,
    north [deg]), or, where none is given, far from all of its assets.

    Raises
    ------
    ModelError
        If a list cannot be read at all.
    """
    if mapping.format == "nbi":
        found = read_nbi_inventory(files, mapping)
    else:
        numbers = {stored.record.asset_id for stored in twin.bridges.book.records()}
        found = read_inventory(files, mapping, known_numbers=numbers)
    source = next((one.name for one in found.files if one.kind == "part_structure"), "")
    records, far = without_far_places(found.records, _extent(twin, extent), source=source)
    known = [one.record for one in twin.bridges.book.records(kind="part_structure")]
    records = with_confirmed(records, known)
    return replace(found, records=tuple(records), items=(*found.items, *far))


def _extent(twin: Twin, given: Sequence[float]) -> Extent | None:
    if given:
        west, south, east, north = given
        return west, south, east, north
    centres = [asset.geometry.centroid for asset in twin.assets()]
    return extent_of((centre.x, centre.y) for centre in centres)


def keep_inventory(twin: Twin, found: Inventory, *, sources: Sequence[str]) -> Sequence[str]:
    """Keep records and work list; what came of it, in sentences."""
    now = twin.now()
    added = twin.bridges.book.add(found.records, at=now)
    for source in sources:
        items = [item for item in found.items if item.source == source]
        twin.bridges.book.note_work(source, items, at=now)
    known = len(found.records) - added
    items = len(found.items)
    return [f"{added} records were new, {known} there already; {items} items on the work list"]


def attach_files(twin: Twin, path: Path, mapping: InventoryMapping) -> Sequence[str]:
    """Attach photographs and documents that lie beside the lists, by their hash."""
    folder = path / ATTACHED
    if not path.is_dir() or not folder.is_dir():
        return ()
    lines: list[str] = []
    for file in sorted(folder.glob("*/*")):
        if file.suffix.casefold() not in ATTACHMENTS:
            lines.append(f"{file.name}: not attached; known are {', '.join(ATTACHMENTS)}")
            continue
        owner = file.parent.name
        provenance = Provenance("sourced", by=mapping.by, references=(mapping.source or path.name,))
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        asset_id = mapping.assets.get(owner, owner)
        attachment = Attachment(
            asset_id, file.name, media_type, provenance, licence=mapping.licence
        )
        stored = twin.bridges.book.attach(attachment, file.read_bytes(), at=twin.now())
        lines.append(f"{file.name}: attached to {asset_id}, SHA-256 {stored.sha256[:12]}")
    return lines


def _files(path: Path) -> Mapping[str, bytes]:
    """Content of a list, or of every list in a folder, by name."""
    if path.is_file():
        return {path.name: path.read_bytes()}
    if not path.is_dir():
        raise ModelError(f"{path} is neither a file nor a folder")
    found = {
        file.name: file.read_bytes()
        for file in sorted(path.iterdir())
        if file.suffix.casefold() in TABLES and file.name != "expected.json"
    }
    if not found:
        raise ModelError(f"{path} holds no list; lists end in {' or '.join(TABLES)}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import bridges",
        description="Read inventory lists with the names of ASB-ING (CSV, JSON, XLSX) or of the "
        "National Bridge Inventory, keep what is sound as records with their source, and list "
        "what a person should clear up.",
    )
    parser.add_argument("path", type=Path, nargs="?", help="a list, or a folder of lists")
    parser.add_argument("--map", type=Path, help="TOML file, see docs/import.md")
    parser.add_argument("--match", action="store_true", help="propose links of the road network")
    parser.add_argument("--confirm", metavar="PART=LINK", help="what a person says of a match")
    parser.add_argument("--person", default="", help="who confirms it")
    parser.add_argument("--reason", default="", help="why")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    return parser


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
