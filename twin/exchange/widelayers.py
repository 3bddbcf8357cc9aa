"""Wide layers: attributes as columns of the layer itself, for cities with many assets.

A column ``<attribute>`` with a column ``<attribute>_provenance`` beside it holds one attribute of
every feature. The cell of the provenance is a text: the kind, references in brackets where there
are any, and after a colon the note: ``sourced [osm]``, ``estimated: default of its class``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import geopandas
import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from twin.errors import CityError
from twin.exchange.citations import ATTRIBUTE_NAME, attribute_units, provenance_of
from twin.exchange.problems import Known, Problems, suggestion
from twin.exchange.rows import Row
from twin.model.assets import Attribute
from twin.model.provenance import Provenance
from twin.model.tables import rows

PROVENANCE = "_provenance"
UNIT = "_unit"
ORIGIN = "ORIGIN"
PROVENANCE_TEXT = re.compile(r"([a-z]+)\s*(?:\[([^\]]*)\])?\s*(?::\s*(.*))?", re.DOTALL)
PLAIN_NUMBER = "1"
DEGREES = "EPSG:4326"

NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def provenance_text(kind: str, *, references: Sequence[str] = (), note: str = "") -> str:
    """Content of a provenance cell.

    Examples
    --------
    >>> provenance_text("sourced", references=["osm"])
    'sourced [osm]'
    >>> provenance_text("estimated", note="default of its class")
    'estimated: default of its class'
    """
    cited = f" [{';'.join(references)}]" if references else ""
    return f"{kind}{cited}{f': {note}' if note else ''}"


def unit_of_name(name: str) -> str:
    """UCUM unit that the name of an attribute with numbers ends in; ``1`` if in none.

    Examples
    --------
    >>> unit_of_name("max_speed_km_h"), unit_of_name("max_mass_t"), unit_of_name("lanes")
    ('km/h', 't', '1')
    """
    found = (row["unit"] for row in rows("attribute_suffixes") if name.endswith(row["suffix"]))
    return next(found, PLAIN_NUMBER)


def write_layer(
    folder: Path,
    asset_class: str,
    frame: geopandas.GeoDataFrame,
    *,
    origin: str,
    provenance: Mapping[str, str] = NO_TEXTS,
    units: Mapping[str, str] = NO_TEXTS,
    replace: bool = False,
) -> Path:
    """The layer ``<asset class>s.gpkg`` of a city folder, written from a frame.

    Parameters
    ----------
    folder
        The city folder; it must exist.
    asset_class
        Key of ``asset_classes.csv``.
    frame
        Columns ``id``, ``name``, ``provenance``, where needed ``references`` and ``note``, and one
        column per attribute, numbers or texts, empty where a feature has none. Any declared CRS.
    origin
        Who wrote it, for example ``twin import osm``; kept in the file.
    provenance
        Content of the provenance cells by attribute, as `provenance_text` makes it, where all
        features have the same; otherwise the frame has a column ``<attribute>_provenance``.
    units
        UCUM units by attribute where the name does not end in it.
    replace
        Replace a layer of another origin.

    Raises
    ------
    CityError
        If there is such a layer of another origin, or the frame lacks a column.

    Examples
    --------
    >>> import tempfile
    >>> from shapely.geometry import Point
    >>> rows = {"id": ["B1"], "name": ["Town Bridge"], "provenance": ["measured"], "width_m": [9.5]}
    >>> frame = geopandas.GeoDataFrame(rows, geometry=[Point(13.7, 51.0)], crs="EPSG:4326")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_layer(Path(folder), "bridge", frame, origin="survey",
    ...                        provenance={"width_m": "measured"})
    ...     path.name, layer_origin(path)
    ('bridges.gpkg', 'survey')
    """
    missing = [name for name in ("id", "name", "provenance") if name not in frame.columns]
    if missing or frame.crs is None:
        wanted = ", ".join([*missing, *(["a CRS"] if frame.crs is None else [])])
        raise CityError(f"the layer of {asset_class} lacks {wanted}; add it to every feature")
    path = folder / f"{asset_class}s.gpkg"
    check_origin(path, origin=origin, replace=replace)
    wide = frame.assign(
        **{f"{name}{PROVENANCE}": text for name, text in provenance.items()},
        **{f"{name}{UNIT}": unit for name, unit in units.items()},
    )
    draft = path.with_name(f".{path.name}.partial.gpkg")
    draft.unlink(missing_ok=True)
    pyogrio.write_dataframe(
        wide, draft, layer=f"{asset_class}s", driver="GPKG", layer_metadata={ORIGIN: origin}
    )
    draft.replace(path)
    return path


def check_origin(path: Path, *, origin: str, replace: bool) -> None:
    """Refuse to replace a layer that somebody else wrote.

    Raises
    ------
    CityError
        If the file exists, has another origin, and ``replace`` is not set.
    """
    if not path.exists() or replace:
        return
    found = layer_origin(path)
    if found != origin:
        raise CityError(
            f"{path} is there already and comes from {found or 'elsewhere'}, not from {origin}; "
            "move it away or say --replace"
        )


def layer_origin(path: Path) -> str:
    """Who wrote a layer, empty if the file does not say it."""
    try:
        info = pyogrio.read_info(path)
    except (DataSourceError, DataLayerError):
        return ""
    return str((info.get("layer_metadata") or {}).get(ORIGIN, ""))


@dataclass(frozen=True, slots=True)
class WideReader:
    """Reads the attribute columns of one layer file."""

    file: str
    references: Known
    problems: Problems

    def attributes(self, frame: pd.DataFrame) -> list[list[Attribute]]:
        """Attributes of every feature (features,), in the order of the columns.

        Whatever is wrong is noted with the first feature that has it and the number of the others.
        """
        found: list[list[Attribute]] = [[] for _ in range(len(frame))]
        for column in frame.columns:
            if not column.endswith(PROVENANCE):
                continue
            name = column.removesuffix(PROVENANCE)
            if name not in frame.columns:
                self.problems.add(
                    self.file, f"column {column!r} has no column {name!r}; add it or remove this"
                )
            elif not ATTRIBUTE_NAME.fullmatch(name):
                self.problems.add(
                    self.file,
                    f"attribute {name!r} is not a name; use small letters, digits and _, "
                    "for example width_m",
                )
            else:
                self._add(found, frame, name)
        return found

    def _add(self, found: list[list[Attribute]], frame: pd.DataFrame, name: str) -> None:
        ids = frame["id"]
        content = self._content(frame[name], name, ids)
        if content is None:
            return
        values, is_given, unit = content
        if unit:
            unit = self._unit(frame, name, unit)
        codes, texts = pd.factorize(frame[f"{name}{PROVENANCE}"].fillna("").astype(str))
        used = np.unique(codes[is_given])
        checked = dict.fromkeys(range(len(texts)))
        for code in used.tolist():
            places = np.flatnonzero(is_given & (codes == code))
            checked[code] = self._provenance(str(texts[code]), name, places, ids)
        for row in np.flatnonzero(is_given).tolist():
            origin = checked[int(codes[row])]
            if origin is not None:
                found[row].append(Attribute(name, values[row], unit, origin))

    def _content(
        self, column: pd.Series, name: str, ids: pd.Series
    ) -> tuple[list[float] | list[str], np.ndarray, str] | None:
        """Values, which of them are given, and the unit; numbers are finite."""
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            self.problems.add(
                self.file, f"column {name!r} holds neither numbers nor texts; write it as text"
            )
            return None
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
            infinite = np.flatnonzero(np.isinf(numbers))
            if infinite.size:
                self._note(
                    infinite, ids,
                    f"{name} '{numbers[infinite[0]]}' is not finite; "
                    "leave the cell empty if it is unknown",
                )  # fmt: skip
            return numbers.tolist(), np.isfinite(numbers), unit_of_name(name)
        codes, distinct = pd.factorize(column.fillna("").astype(str).str.strip())
        is_text = np.array([bool(text) for text in distinct], dtype=bool)
        given = is_text[codes] if len(distinct) else np.zeros(0, dtype=bool)
        shared = [str(text) for text in distinct]
        return [shared[code] for code in codes.tolist()], given, ""

    def _unit(self, frame: pd.DataFrame, name: str, unit: str) -> str:
        column = f"{name}{UNIT}"
        if column not in frame.columns:
            return unit
        said = [str(text) for text in frame[column].dropna().unique().tolist() if str(text)]
        if len(said) > 1:
            self.problems.add(
                self.file, f"column {column!r} names {', '.join(said)}; a column has one unit"
            )
        for text in said:
            if text not in attribute_units():
                self.problems.add(
                    self.file, f"unit {text!r} is unknown{suggestion(text, attribute_units())}"
                )
        return said[0] if said else unit

    def _provenance(
        self, text: str, name: str, places: np.ndarray, ids: pd.Series
    ) -> Provenance | None:
        """Provenance of one distinct text; what is wrong is told of the attribute."""
        match = PROVENANCE_TEXT.fullmatch(text.strip())
        if match is None and text:
            self._note(
                places, ids,
                f"{name}: provenance {text!r} is not written as "
                "'kind [references]: note', for example 'sourced [osm]'",
            )  # fmt: skip
            return None
        kind, cited, note = match.groups(default="") if match else ("", "", "")
        own = Problems(self.problems.folder)
        row = Row("", {"provenance": kind, "references": cited, "note": note.strip()}, own)
        found = provenance_of(row, self.references)
        for line in own.lines:
            self._note(places, ids, f"{name}{line}")
        return found

    def _note(self, places: np.ndarray, ids: pd.Series, what: str) -> None:
        first = int(places[0])
        more = f" (and {places.size - 1} more features)" if places.size > 1 else ""
        self.problems.add(f"{self.file}: feature {first + 1} ({ids.iloc[first]})", f"{what}{more}")
