"""What an importer writes into a city folder beside its layers: settings and references."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

from twin.errors import CityError
from twin.exchange.places import to_utm
from twin.model.provenance import Reference

EXTENT_DIGITS = 4
MARGIN_DEG = 1e-3
EUROPE = (-12.0, 34.0, 42.0, 72.0)
ETRS89 = 25800
"""EPSG code of ETRS89 / UTM without its zone; elsewhere it is WGS 84 / UTM."""
ETRS89_ZONES = range(28, 39)
UTM_CODES = 100


def metric_crs(longitude: float, latitude: float) -> str:
    """The UTM system of a place: ETRS89 in Europe, otherwise WGS 84.

    Examples
    --------
    >>> metric_crs(24.94, 60.17), metric_crs(-75.2, 40.5)
    ('EPSG:25835', 'EPSG:32618')
    """
    code = to_utm(longitude, latitude)[2]
    zone = code % UTM_CODES
    west, south, east, north = EUROPE
    is_europe = west <= longitude <= east and south <= latitude <= north
    return f"EPSG:{ETRS89 + zone if is_europe and zone in ETRS89_ZONES else code}"


def write_settings(
    folder: Path,
    *,
    name: str,
    crs: str,
    bounds: Sequence[float],
    timezone: str = "UTC",
) -> bool:
    """Make a minimal ``city.toml``; False if there is one already, which stays as it is.

    Parameters
    ----------
    folder
        Is made if it does not exist.
    name, crs, timezone
        Of the city; the CRS is metric.
    bounds
        West, south, east, north of what will be loaded [deg]; a margin is added.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_settings(Path(folder), name="Town", crs="EPSG:25833", bounds=(13, 50, 14, 51))
    ...     write_settings(Path(folder), name="Other", crs="EPSG:25833", bounds=(0, 0, 1, 1))
    True
    False
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "city.toml"
    if file.exists():
        return False
    scale = 10.0**EXTENT_DIGITS
    west, south = (math.floor((edge - MARGIN_DEG) * scale) / scale for edge in bounds[:2])
    east, north = (math.ceil((edge + MARGIN_DEG) * scale) / scale for edge in bounds[2:])
    # A JSON string is a TOML string.
    file.write_text(
        f"[city]\nname = {json.dumps(name, ensure_ascii=False)}\n"
        f'crs = "{crs}"\nextent = [{west}, {south}, {east}, {north}]\n'
        f"timezone = {json.dumps(timezone)}\n",
        encoding="utf-8",
    )
    return True


def add_references(folder: Path, references: Sequence[Reference]) -> None:
    """Add rows to ``references.csv`` whose ids are not in it; other rows stay as they are.

    Raises
    ------
    CityError
        If the file lacks the columns id and title.
    """
    file = folder / "references.csv"
    text = file.read_text(encoding="utf-8-sig") if file.exists() else "id,title,licence\n"
    reader = csv.DictReader(text.splitlines())
    header = [name.strip() for name in reader.fieldnames or ()]
    if "id" not in header or "title" not in header:
        raise CityError(f"{file} lacks the columns id and title; add them")
    known = {(row.get("id") or "").strip() for row in reader}
    out = io.StringIO()
    writer = csv.DictWriter(out, header, extrasaction="ignore", lineterminator="\n")
    for item in references:
        if item.id not in known:
            writer.writerow({"id": item.id, "title": item.title, "licence": item.licence})
    if out.getvalue():
        ended = text if text.endswith("\n") else f"{text}\n"
        file.write_text(ended + out.getvalue(), encoding="utf-8")
