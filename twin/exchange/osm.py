"""The import ``twin import osm``: an OSM extract becomes layers of a city folder."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.folderwriting import add_references, write_settings
from twin.exchange.osm_attributes import REFERENCE
from twin.exchange.osm_boundary import boundary_of
from twin.exchange.osm_town import OsmTown, read_town
from twin.exchange.widelayers import check_origin, write_layer
from twin.model.provenance import Reference
from twin.settings import Settings

ORIGIN = "twin import osm"
SOURCE = Reference(REFERENCE, "OpenStreetMap contributors, openstreetmap.org", "ODbL-1.0")


def import_osm(settings: Settings, arguments: Sequence[str]) -> int:
    """Write the layers of a city folder from an OSM file; 0, problems are errors or reported.

    Raises
    ------
    CityError
        If the file or the boundary cannot be read, or a layer of somebody else is in the way.
    """
    options = _parser().parse_args(arguments)
    is_new = not (settings.folder / "city.toml").exists()
    if not is_new and settings.folder.is_file():
        raise CityError(f"{settings.folder} is a file; name the city folder with --city FOLDER")
    boundary = _boundary(settings, options, is_new=is_new)
    town = read_town(
        options.file,
        boundary=boundary,
        crs=options.crs or settings.city.crs,
        with_service=options.service,
        with_buildings=options.buildings,
    )
    _tell(town.report.sentences())
    if options.dry_run:
        _tell(["nothing was written"])
        return 0
    write_folder(
        town,
        settings.folder,
        name=options.name or settings.city.name,
        timezone=options.timezone,
        replace=options.replace,
    )
    _tell([f"written to {settings.folder}; load it with: twin load {settings.folder}"])
    if is_new and options.timezone == "UTC":
        _tell(["the time zone is UTC; correct city.timezone in city.toml"])
    return 0


def write_folder(
    town: OsmTown, folder: Path, *, name: str, timezone: str = "UTC", replace: bool = False
) -> None:
    """Write layers, reference and, where there is none, ``city.toml``; other files stay.

    Raises
    ------
    CityError
        If a layer of another origin is in the way; nothing is written then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for asset_class in town.layers:
        check_origin(folder / f"{asset_class}s.gpkg", origin=ORIGIN, replace=replace)
    bounds = np.array([frame.total_bounds for frame in town.layers.values()])
    extent = [*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist()]
    write_settings(folder, name=name, crs=town.crs, bounds=extent, timezone=timezone)
    add_references(folder, [SOURCE])
    for asset_class, frame in town.layers.items():
        write_layer(folder, asset_class, frame, origin=ORIGIN, replace=replace)


def _boundary(
    settings: Settings, options: argparse.Namespace, *, is_new: bool
) -> BaseGeometry | None:
    """The boundary that was named, never beyond the extent of a city that has one."""
    box = None
    if not is_new:
        west, south, east, north = settings.city.extent
        box = shapely.box(west, south, east, north)
    if not options.boundary:
        return box
    named = boundary_of(options.boundary, options.file)
    return named if box is None else shapely.intersection(named, box)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import osm",
        usage="twin import osm FILE --city FOLDER [options]",
        description="Make road network, bridges, water and, if asked, buildings of a city folder "
        "from an OSM extract. The folder is made if it does not exist; its other files stay.",
    )
    parser.add_argument("file", type=Path, help="extract, such as town.osm.pbf")
    parser.add_argument(
        "--boundary", default="", help="file with a polygon, or name or id of an administrative "
        "boundary in the extract; else the extent in city.toml, else everything",
    )  # fmt: skip
    parser.add_argument("--name", default="", help="of a new city; else that of the folder")
    parser.add_argument("--crs", default="", help="metric system of a new city; else its UTM zone")
    parser.add_argument("--timezone", default="UTC", help="of a new city, such as Europe/Berlin")
    parser.add_argument("--service", action="store_true", help="keep service ways")
    parser.add_argument("--buildings", action="store_true", help="outlines of buildings, too")
    parser.add_argument("--replace", action="store_true", help="replace layers of another origin")
    parser.add_argument("--dry-run", action="store_true", help="read and report, write nothing")
    return parser


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
