"""The import ``twin import geo FILE --map mapping.toml --city FOLDER``: roads of a map file."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyogrio

from twin.errors import CityError
from twin.exchange.foldertables import check_other_form, city_of, merge_table, target_folder
from twin.exchange.folderwriting import add_references, write_settings
from twin.exchange.geofiles import DEGREES, check_places, read_geo_file
from twin.exchange.geomapping import GeoMapping, read_geo_mapping
from twin.exchange.geosections import Imported, import_sections, reference_of
from twin.exchange.widelayers import check_origin, write_layer
from twin.model.provenance import Reference
from twin.settings import Settings

ORIGIN = "twin import geo"
MOST_LINES = 100


def import_geo(settings: Settings, arguments: Sequence[str]) -> int:
    """Read a map file and write its roads into a city folder; 1 if something was left out."""
    options = _parser().parse_args(arguments)
    mapping = _mapping(options.map)
    path = options.path or options.map.parent / mapping.path
    folder = target_folder(settings, options.city)
    file = read_geo_file(path, mapping)
    bounds = file.frame.to_crs(DEGREES).total_bounds.tolist()
    city = city_of(folder, bounds)
    check_places(file.name, file.frame, city.extent)
    found = import_sections(
        file, mapping, reference=reference_of(mapping, path), crs=city.crs, extent=city.extent
    )
    for asset_class in ("junction", "road_section"):
        check_other_form(folder, asset_class)
        check_origin(folder / f"{asset_class}s.gpkg", origin=ORIGIN, replace=options.replace)
    _tell(report_lines(found, options.report))
    if options.dry_run:
        _tell(["nothing was written"])
        return int(has_losses(found))
    write_settings(folder, name=city.name, crs=city.crs, bounds=city.extent)
    title = mapping.source or path.name
    add_references(folder, [Reference(reference_of(mapping, path), title, mapping.licence)])
    write_network(folder, found, origin=ORIGIN, replace=options.replace)
    _tell([f"written to {folder}; `twin load {folder}` checks and loads it"])
    return int(has_losses(found))


def write_network(folder: Path, found: Imported, *, origin: str, replace: bool) -> None:
    """Layers of sections and junctions, and the rows of their directions."""
    is_own = own_directions(folder / "road_sections.gpkg", found.components)
    write_layer(folder, "junction", found.junctions, origin=origin, replace=replace)
    write_layer(folder, "road_section", found.sections, origin=origin, replace=replace)
    merge_table(folder / "components.csv", found.components, is_own=is_own)


def own_directions(
    layer: Path, rows: Sequence[Mapping[str, str]]
) -> Callable[[Mapping[str, str]], bool]:
    """Whether a row of ``components.csv`` is a direction of the sections that are replaced."""
    ids = {row["asset"] for row in rows}
    if layer.exists():
        earlier = pyogrio.read_dataframe(layer, columns=["id"], read_geometry=False)
        ids |= {str(one) for one in earlier["id"]}

    def is_own(row: Mapping[str, str]) -> bool:
        return row.get("kind") == "direction" and row.get("asset") in ids

    return is_own


def _mapping(path: Path) -> GeoMapping:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CityError(f"{path} cannot be read ({error}); name a mapping file in UTF-8") from None
    return read_geo_mapping(text, name=path.name)


def report_lines(found: Imported, path: Path | None) -> Iterator[str]:
    """What was imported, in words; all findings go to the file if one is named."""
    yield (
        f"{len(found.sections):,} road sections, {found.directed_links:,} directed links, "
        f"{len(found.junctions):,} junctions, {found.length_m:,.1f} m as drawn"
    )
    yield f"{found.loose:,} loose ends"
    for name, ids in found.assumed.items():
        more = ", ..." if len(ids) > 5 else ""  # noqa: PLR2004 - examples
        yield f"{name} assumed for {len(ids):,} sections: {', '.join(ids[:5])}{more}"
    if path is not None:
        path.write_text("".join(f"{line}\n" for line in found.findings), encoding="utf-8")
        yield f"{len(found.findings):,} findings in {path}"
        return
    yield f"{len(found.findings):,} findings"
    yield from (f"- {line}" for line in found.findings[:MOST_LINES])
    if len(found.findings) > MOST_LINES:
        yield f"... and {len(found.findings) - MOST_LINES:,} more; --report FILE writes all of them"


def has_losses(found: Imported) -> bool:
    """Whether something of the file is not in the city."""
    return any("left out" in line or "truncated" in line for line in found.findings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import geo",
        description="Read roads from GeoPackage, Shapefile, GeoJSON, FlatGeobuf or Esri JSON and "
        "write them as layers of a city folder. docs/import.md describes the mapping.",
    )
    parser.add_argument("path", type=Path, nargs="?", help="map file; default: path of the mapping")
    parser.add_argument("--map", type=Path, required=True, help="TOML file, see docs/import.md")
    parser.add_argument("--city", type=Path, help="city folder; made if it does not exist")
    parser.add_argument("--report", type=Path, help="write all findings to this file")
    parser.add_argument("--replace", action="store_true", help="replace layers of another origin")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    return parser


def _tell(lines: Sequence[str] | Iterator[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
