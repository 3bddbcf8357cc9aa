"""The import ``twin import gmns FOLDER --city FOLDER``: a GMNS network becomes layers of a city."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from twin.exchange.foldertables import check_other_form, city_of, target_folder
from twin.exchange.folderwriting import add_references, write_settings
from twin.exchange.geocommand import has_losses, report_lines, write_network
from twin.exchange.gmns import bounds_deg, import_links, read_gmns
from twin.exchange.widelayers import check_origin
from twin.model.provenance import Reference
from twin.settings import Settings

ORIGIN = "twin import gmns"


def import_gmns(settings: Settings, arguments: Sequence[str]) -> int:
    """Read a GMNS folder and write its roads into a city folder; 1 if a link was left out.

    Raises
    ------
    CityError
        If the tables cannot be used, or a layer of another origin is in the way.
    """
    options = _parser().parse_args(arguments)
    source = options.folder.resolve()
    folder = target_folder(settings, options.city)
    tables = read_gmns(options.folder, crs=options.crs, speed_unit=options.speed_unit)
    city = city_of(folder, bounds_deg(tables))
    reference = options.reference or re.sub(r"[^\w.-]+", "-", source.name)
    found = import_links(
        tables, reference=reference, prefix=options.prefix, crs=city.crs, extent=city.extent
    )
    for asset_class in ("junction", "road_section"):
        check_other_form(folder, asset_class)
        check_origin(folder / f"{asset_class}s.gpkg", origin=ORIGIN, replace=options.replace)
    _tell(report_lines(found, options.report))
    if options.dry_run:
        _tell(["nothing was written"])
        return int(has_losses(found))
    write_settings(folder, name=city.name, crs=city.crs, bounds=city.extent)
    add_references(folder, [Reference(reference, options.title or source.name, options.licence)])
    write_network(folder, found, origin=ORIGIN, replace=options.replace)
    _tell([f"written to {folder}; `twin load {folder}` checks and loads it"])
    return int(has_losses(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import gmns",
        description="Read node.csv and link.csv, with config.csv and geometry.csv where they are, "
        "and write the roads as layers of a city folder. docs/import.md says how.",
    )
    parser.add_argument("folder", type=Path, help="folder of the GMNS tables")
    parser.add_argument("--city", type=Path, help="city folder; made if it does not exist")
    parser.add_argument("--crs", default="", help="of the coordinates, where config.csv says none")
    parser.add_argument(
        "--speed-unit", default="", choices=("", "mph", "km/h"), help="where config.csv says none"
    )
    parser.add_argument("--prefix", default="", help="begins every id")
    parser.add_argument("--reference", default="", help="id under which the network is cited")
    parser.add_argument("--title", default="", help="of the reference; else the folder's name")
    parser.add_argument("--licence", default="", help="of the network")
    parser.add_argument("--report", type=Path, help="write all findings to this file")
    parser.add_argument("--replace", action="store_true", help="replace layers of another origin")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    return parser


def _tell(lines: Sequence[str] | Iterator[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
