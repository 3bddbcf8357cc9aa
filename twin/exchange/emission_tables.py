"""Emission factors from the table that a user made, for example with SUMO's ``emissionsMap``."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from twin.errors import SettingsError
from twin.model.surroundings import EmissionTable

COLUMNS = ("pollutant", "class", "speed_kmh", "factor_g_km", "fitting_error", "tool_version")
MOST_PROBLEMS = 10


def read_emission_tables(file: Path) -> tuple[EmissionTable, ...]:
    """Tables of a CSV file, one for each pollutant, in the order of the file.

    Every pollutant has the same speeds for all its classes. ``factor_g_km`` is grams per vehicle
    and km, ``fitting_error`` the relative error of the model for the class (0.1 is ten percent).

    Raises
    ------
    SettingsError
        If it cannot be read, or rows do not fit; names the file and all problems.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"traffic.emission_table {file} cannot be read: {error}") from error
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise SettingsError(f"{file} lacks the columns {', '.join(missing)}; see docs/whatif.md")
    problems: list[str] = []
    rows: dict[str, list[Mapping[str, str]]] = {}
    for number, row in enumerate(reader, 2):
        if all(_is_number(row[name]) for name in ("speed_kmh", "factor_g_km", "fitting_error")):
            rows.setdefault(row["pollutant"], []).append(row)
        else:
            problems.append(f"row {number}: speed, factor and error must be numbers from 0")
    tables = [_table(name, found, problems) for name, found in rows.items()]
    if problems or not tables:
        listed = "; ".join(problems[:MOST_PROBLEMS]) or "no row"
        raise SettingsError(f"{file} is no table of emission factors: {listed}")
    return tuple(table for table in tables if table is not None)


def _is_number(text: str | None) -> bool:
    try:
        value = float(text or "")
    except ValueError:
        return False
    return math.isfinite(value) and value >= 0.0


def _table(
    pollutant: str, rows: list[Mapping[str, str]], problems: list[str]
) -> EmissionTable | None:
    classes = tuple(dict.fromkeys(row["class"] for row in rows))
    by_class = {
        name: {float(row["speed_kmh"]): row for row in rows if row["class"] == name}
        for name in classes
    }
    speeds = sorted(next(iter(by_class.values())))
    other = [name for name, found in by_class.items() if sorted(found) != speeds]
    versions = sorted({row["tool_version"] for row in rows})
    if other or len(rows) != len(classes) * len(speeds):
        problems.append(f"{pollutant}: every class needs each speed once; see {other or classes}")
        return None
    return EmissionTable(
        pollutant=pollutant,
        classes=classes,
        speed_kmh=np.array(speeds),
        factor_g_km=np.array(
            [[float(by_class[name][speed]["factor_g_km"]) for speed in speeds] for name in classes]
        ),
        fitting_error=tuple(
            max(float(row["fitting_error"]) for row in by_class[name].values()) for name in classes
        ),
        tool_version=", ".join(versions),
    )
