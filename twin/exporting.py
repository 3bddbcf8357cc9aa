"""The job ``export``: what the city knows, as files that other programmes read."""

import argparse
import json
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from twin.city import Twin
from twin.errors import CityError
from twin.exchange.city_out import checksum, city_files, same_city
from twin.exchange.cityjson_out import cityjson
from twin.exchange.dcat_out import catalogue
from twin.exchange.folder import read_city
from twin.exchange.folderwriting import write_settings
from twin.exchange.ngsi_out import entity_of, flows_of
from twin.exchange.tables_out import TABLES
from twin.inventory import FOLDER as INVENTORY
from twin.model.city import City
from twin.model.tables import rows
from twin.runtime import open_twin
from twin.settings import Settings, load_settings

FORMATS = ("city", "checksum", "cityjson", "dcat", "ngsi", *TABLES)
OF_ONE_MACHINE = ("database", "broker")
"""Sections of ``city.toml`` that say where services are: not passed on."""
ADDRESS = "http://127.0.0.1:8050"


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Write the city in a format; exit code 0."""
    options = _parser().parse_args(arguments)
    if options.target is None and options.format != "checksum":
        raise CityError(f"say where to: twin export {options.format} TARGET")
    twin = open_twin(settings, role="work")
    try:
        found = registered_city(twin, settings.city.name)
        _say(_written(twin, settings, found, options))
    finally:
        twin.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin export", description=command.__doc__)
    parser.add_argument(
        "format", choices=FORMATS, metavar="FORMAT", help=f"one of {', '.join(FORMATS)}"
    )
    parser.add_argument("target", type=Path, nargs="?", help="file, or folder of a city")
    parser.add_argument("--class", dest="asset_class", help="only assets of this class (tables)")
    parser.add_argument(
        "--public", action="store_true", help="only attributes that everybody may see"
    )
    return parser


def registered_city(twin: Twin, name: str) -> City:
    """Everything that the registry holds."""
    return City(
        name=name,
        references=tuple(twin.references()),
        assets=tuple(twin.assets()),
        components=tuple(twin.components()),
        sensors=tuple(twin.sensors()),
        datastreams=tuple(twin.datastreams()),
    )


def _written(twin: Twin, settings: Settings, city: City, options: argparse.Namespace) -> str:
    """Write the format asked for; one line about it."""
    target: Path = options.target
    if options.format == "checksum":
        return checksum(city)
    if options.format == "city":
        return export_city(city, settings, target)
    if target.exists():
        raise CityError(f"{target} exists already; move it away or name another file")
    only = public_attributes() if options.public else None
    now = twin.now()
    if options.format == "dcat":
        root = settings.dashboards.public_url.rstrip("/") or ADDRESS
        found = catalogue(
            city=city.name, root=root, extent=settings.city.extent, modified=now.isoformat(),
            references=city.references,
        )  # fmt: skip
        _write_json(target, found)
        return f"{target}: the entry of the data sets of {city.name} for an open-data portal"
    if options.format == "ngsi":
        entities = [entity_of(one) for one in flows_of(twin.stream_states(), city.assets)]
        _write_json(target, entities)
        return f"{target}: {len(entities)} newest traffic counts as NGSI-LD entities"
    if options.format == "cityjson":
        bridges = [asset for asset in city.assets if asset.asset_class == "bridge"]
        document = cityjson(
            bridges, crs=settings.city.crs, title=city.name, day=now.date().isoformat(), only=only
        )
        _write_json(target, document)
        return f"{target}: {len(bridges)} bridges"
    chosen = [one for one in city.assets if options.asset_class in (None, one.asset_class)]
    if not chosen:
        raise CityError(f"there is no asset of the class {options.asset_class!r}")
    ending = f".{options.format}"
    if target.suffix != ending:
        raise CityError(f"{target} does not end in {ending}; name it {target.stem}{ending}")
    draft = target.with_name(f".{target.stem}.partial{ending}")
    draft.unlink(missing_ok=True)
    TABLES[options.format][0](chosen, draft, only=only)
    draft.rename(target)
    return f"{target}: {len(chosen)} assets"


def public_attributes() -> Sequence[str]:
    """Names of the attributes that everybody may see."""
    return [row["attribute"] for row in rows("public_attributes")]


def export_city(city: City, settings: Settings, folder: Path) -> str:
    """Write a city folder that loads as the same city; one line with its checksum.

    The folder appears whole or not at all: what was written is read again first.

    Raises
    ------
    CityError
        If the folder exists, or would not read as the same city.
    """
    if folder.exists():
        raise CityError(f"{folder} exists already; move it away or name another folder")
    draft = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        said = _write_settings(settings, draft)
        for name, text in city_files(city, extent=settings.city.extent).items():
            (draft / name).write_text(text, encoding="utf-8", newline="")
        lists = settings.folder / INVENTORY
        if lists.is_dir():
            shutil.copytree(lists, draft / INVENTORY)
        same_city(city, read_city(draft, load_settings(draft).city))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return (
        f"{folder}: {len(city.assets)} assets, {len(city.datastreams)} datastreams; {said}; "
        f"checksum {checksum(city)}"
    )


def _write_settings(settings: Settings, folder: Path) -> str:
    """``city.toml`` as it is, unless it names services of this machine."""
    file = settings.folder / "city.toml"
    named = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    if named and not any(section in named for section in OF_ONE_MACHINE):
        shutil.copyfile(file, folder / "city.toml")
        return "city.toml as it is"
    city = settings.city
    write_settings(folder, name=city.name, crs=city.crs, bounds=city.extent, timezone=city.timezone)
    return "a minimal city.toml: routing, sources and services are left to the new place"


def _write_json(target: Path, document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    target.write_text(f"{text}\n", encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
