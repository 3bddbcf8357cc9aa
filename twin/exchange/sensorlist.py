"""A list of sensors: its mapping file, its rows, and what of them is sound."""

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from twin.errors import CityError
from twin.exchange.geovalues import Findings
from twin.exchange.problems import suggestion
from twin.model.assets import asset_classes
from twin.model.datastreams import PrivacyClass, StreamKind, VehicleClass
from twin.model.provenance import ProvenanceKind
from twin.model.quantities import quantities

DEGREES = "EPSG:4326"
FIELDS = (
    "id", "name", "model", "x", "y", "quantity", "route_key", "source", "asset", "component",
    "bearing_deg", "cadence_s", "vehicle_class", "kind", "privacy_class", "time_source",
)  # fmt: skip
NEEDED = ("id", "quantity")
TEXTS = ("encoding", "delimiter", "decimal", "source", "provenance")
KEYS = (*TEXTS, "crs", "targets", "farthest_m", "sure_m", "columns", "quantities")
WORDS = {
    "vehicle_class": get_args(VehicleClass),
    "kind": get_args(StreamKind),
    "privacy_class": get_args(PrivacyClass),
}


@dataclass(frozen=True, slots=True)
class SensorMapping:
    """The table ``[sensors]`` of a mapping file; ``docs/import.md`` says what each key means."""

    columns: Mapping[str, str]
    quantities: Mapping[str, str] = field(default_factory=dict)
    crs: str = DEGREES
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal: str = "."
    source: str = ""
    provenance: str = "measured"
    targets: tuple[str, ...] = ("road_section", "bridge")
    farthest_m: float = 100.0
    sure_m: float = 15.0


@dataclass(frozen=True, slots=True)
class ListedSensor:
    """One row of a list: a sensor with one quantity; its place in degrees, if known."""

    place: str
    cells: Mapping[str, str]
    longitude: float | None = None
    latitude: float | None = None
    bearing_deg: float | None = None

    def text(self, name: str) -> str:
        """Content of a field, empty without it."""
        return self.cells.get(name, "")

    @property
    def key(self) -> str:
        """Id of the datastream."""
        return f"{self.text('id')}.{self.text('quantity')}" + (
            f".{self.text('vehicle_class')}" if self.text("vehicle_class") else ""
        )


def read_sensor_mapping(text: str, *, name: str) -> SensorMapping:
    r"""The mapping in the text of a TOML file.

    Raises
    ------
    CityError
        If it is not TOML or a key is wrong; lists every problem with a suggestion.

    Examples
    --------
    >>> text = '[sensors.columns]\nid = "NR"\nquantity = "WHAT"'
    >>> read_sensor_mapping(text, name="m").columns["id"]
    'NR'
    """
    try:
        table = tomllib.loads(text).get("sensors", {})
    except tomllib.TOMLDecodeError as error:
        raise CityError(f"{name} is not valid TOML: {error}; correct the line named") from None
    columns = {str(key): str(value) for key, value in table.get("columns", {}).items()}
    meanings = {str(key): str(value) for key, value in table.get("quantities", {}).items()}
    problems = [f"{key!r} is unknown{suggestion(key, KEYS)}" for key in table if key not in KEYS]
    problems += [
        f"columns.{key} is unknown{suggestion(key, FIELDS)}" for key in columns if key not in FIELDS
    ]
    problems += [
        f"columns.{key} is missing; name its column" for key in NEEDED if key not in columns
    ]
    problems += [
        f"quantities.{word}: {key!r} is unknown{suggestion(key, quantities())}"
        for word, key in meanings.items()
        if key not in quantities()
    ]
    targets = tuple(str(item) for item in table.get("targets", ("road_section", "bridge")))
    problems += [
        f"targets: {item!r} is unknown{suggestion(item, asset_classes())}"
        for item in targets
        if item not in asset_classes()
    ]
    provenance = str(table.get("provenance", "measured"))
    if provenance not in get_args(ProvenanceKind):
        problems.append(f"provenance {provenance!r} is unknown")
    limits = {key: _metres(table, key, problems) for key in ("farthest_m", "sure_m")}
    if problems:
        raise CityError(f"{name}: {len(problems)} problems\n- " + "\n- ".join(problems))
    given = table.get("crs", DEGREES)
    return SensorMapping(
        columns=columns,
        quantities=meanings,
        crs=f"EPSG:{given}" if isinstance(given, int) else str(given),
        encoding=str(table.get("encoding", "utf-8-sig")),
        delimiter=str(table.get("delimiter", ",")),
        decimal=str(table.get("decimal", ".")),
        source=str(table.get("source", "")),
        provenance=provenance,
        targets=targets,
        farthest_m=limits["farthest_m"] or 100.0,
        sure_m=limits["sure_m"] or 15.0,
    )


def _metres(table: Mapping[str, object], key: str, problems: list[str]) -> float:
    value = table.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        problems.append(f"{key} {value!r} is no distance in metres")
        return 0.0
    return float(value)


def read_sensor_list(
    content: bytes,
    mapping: SensorMapping,
    *,
    name: str,
    extent: Sequence[float],
    findings: Findings,
) -> Sequence[ListedSensor]:
    """Sound rows of a list; what is wrong with the others, or with places, is a finding.

    Parameters
    ----------
    content
        Bytes of the CSV file.
    mapping
        Which column holds what.
    name
        Of the file, for messages.
    extent
        West, south, east, north of the city [deg]; other places are unknown and listed.
    findings
        Takes what is wrong.

    Raises
    ------
    CityError
        If the file cannot be read as a whole.
    """
    table = _table(content, mapping, name)
    try:
        to_degrees = Transformer.from_crs(CRS.from_user_input(mapping.crs), DEGREES, always_xy=True)
    except CRSError:
        raise CityError(f"crs {mapping.crs!r} is unknown; use for example 25833") from None
    found: list[ListedSensor] = []
    seen: dict[str, str] = {}
    for place, cells in table:
        row = _with_quantity(place, cells, mapping, findings)
        if row is None or not _are_known_words(row, findings):
            continue
        row = _placed(row, mapping, to_degrees, extent, findings)
        if row.key in seen:
            findings.add(place, f"{row.key} stands in {seen[row.key]} already; left out")
            continue
        seen[row.key] = place
        found.append(row)
    return found


def _table(
    content: bytes, mapping: SensorMapping, name: str
) -> Sequence[tuple[str, Mapping[str, str]]]:
    try:
        text = content.decode(mapping.encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise CityError(
            f"{name} is not {mapping.encoding} ({error}); say encoding = 'CP1252' or save as UTF-8"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mapping.delimiter)
    header = [cell.strip() for cell in next(reader, [])]
    missing = [column for column in mapping.columns.values() if column not in header]
    if missing:
        raise CityError(
            f"{name} has no column {', '.join(map(repr, missing))}, found "
            f"{', '.join(header) or 'nothing'}; correct the mapping or its delimiter"
        )
    at = {key: header.index(column) for key, column in mapping.columns.items()}
    last = max(at.values())
    rows = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            filled = [*cells, *([""] * (last + 1 - len(cells)))]
            row = {key: filled[column].strip() for key, column in at.items()}
            rows.append((f"{name}: row {reader.line_num}", row))
    return rows


def _with_quantity(
    place: str, cells: Mapping[str, str], mapping: SensorMapping, findings: Findings
) -> ListedSensor | None:
    if not cells["id"]:
        findings.add(place, "has no id; left out")
        return None
    word = cells["quantity"]
    key = mapping.quantities.get(word, word)
    if key not in quantities():
        known = {*quantities(), *mapping.quantities}
        findings.add(
            place,
            f"quantity {word!r} is unknown{suggestion(word, known, most=5)}; left out (give its "
            "meaning in [sensors.quantities])",
        )
        return None
    return ListedSensor(place, {**cells, "quantity": key})


def _are_known_words(row: ListedSensor, findings: Findings) -> bool:
    wrong = [
        f"{name} {row.text(name)!r} is unknown{suggestion(row.text(name), words)}; left out"
        for name, words in WORDS.items()
        if row.text(name) and row.text(name) not in words
    ]
    for what in wrong:
        findings.add(row.place, what)
    return not wrong


def _placed(
    row: ListedSensor,
    mapping: SensorMapping,
    to_degrees: Transformer,
    extent: Sequence[float],
    findings: Findings,
) -> ListedSensor:
    """The row with its place in degrees, if that lies in the city."""
    x, y, bearing = (
        _number(row, name, mapping.decimal, findings) for name in ("x", "y", "bearing_deg")
    )
    if x is None or y is None:
        return ListedSensor(row.place, row.cells, bearing_deg=bearing)
    west, south, east, north = extent
    longitude, latitude = to_degrees.transform(x, y)
    if west <= longitude <= east and south <= latitude <= north:
        return ListedSensor(row.place, row.cells, longitude, latitude, bearing)
    is_swapped = west <= latitude <= east and south <= longitude <= north
    hint = "its axes are swapped" if is_swapped else "check the numbers and crs"
    findings.add(row.place, f"position ({x:.10g}, {y:.10g}) lies outside city.extent; {hint}")
    return ListedSensor(row.place, row.cells, bearing_deg=bearing)


def _number(row: ListedSensor, name: str, decimal: str, findings: Findings) -> float | None:
    text = row.text(name)
    if not text:
        return None
    try:
        value = float(text.replace(decimal, "."))
    except ValueError:
        findings.add(row.place, f"{name} {text!r} is not a number and counts as missing")
        return None
    return value if abs(value) < float("inf") else None
