"""A road file becomes sections, junctions and directions, every value with its origin."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.geofiles import GeoFile
from twin.exchange.geomapping import ColumnRule, GeoMapping, known_classes, target_unit
from twin.exchange.geonetwork import (
    Joined,
    join,
    metric,
    outside_rows,
    report_loose_ends,
    split,
)
from twin.exchange.geovalues import (
    BACKWARD,
    BOTH,
    FORWARD,
    UNKNOWN,
    Columns,
    Findings,
    missing_columns,
)
from twin.exchange.widelayers import PROVENANCE, UNIT, provenance_text
from twin.model.provenance import ProvenanceKind
from twin.model.roads import ROAD_CLASSES
from twin.model.tables import rows

OF_CLASS = provenance_text("estimated", note="default of its class")


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """What an import writes, and what it says.

    Parameters
    ----------
    sections, junctions
        Layers with wide columns, in the metric CRS of the city.
    components
        One row of ``components.csv`` per direction.
    length_m
        Sum of the lengths as drawn [m].
    loose
        Number of loose ends.
    assumed
        Ids of the sections with an assumed value, by attribute.
    findings
        Everything doubtful, one line each.
    """

    sections: geopandas.GeoDataFrame
    junctions: geopandas.GeoDataFrame
    components: Sequence[Mapping[str, str]]
    length_m: float
    loose: int
    assumed: Mapping[str, Sequence[str]]
    findings: Sequence[str]

    @property
    def directed_links(self) -> int:
        """Number of directions of all sections."""
        return len(self.components)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """The junctions of a network: what they are called, and how they are known.

    Parameters
    ----------
    ids, names : (junctions,)
    provenance
        Kind of provenance of their places, ``sourced`` or ``derived``.
    note
        How a section's end is known to lie at its junction.
    place_note
        How the place of a junction came about; may be empty.
    """

    ids: Sequence[str]
    names: Sequence[str]
    provenance: ProvenanceKind
    note: str
    place_note: str = ""


def reference_of(mapping: GeoMapping, path: Path) -> str:
    """Id under which the file is cited.

    Examples
    --------
    >>> reference_of(GeoMapping({}), Path("Roads of 2026.shp"))
    'Roads-of-2026'
    """
    return re.sub(r"[^\w.-]+", "-", mapping.reference or path.stem)


def import_sections(
    file: GeoFile, mapping: GeoMapping, *, reference: str, crs: str, extent: Sequence[float]
) -> Imported:
    """Road sections of a file.

    Parameters
    ----------
    file
        Features with a CRS.
    mapping
        Which column holds what, and the tolerance.
    reference
        Id of the reference that values are sourced from.
    crs
        Metric CRS of the city.
    extent
        West, south, east, north of the city [deg]; lines that reach beyond are left out and listed.

    Raises
    ------
    CityError
        If a mapped column is not in the file, or no line is left; lists every problem.
    """
    findings = Findings([f"{file.name}: {remark}" for remark in file.remarks])
    problems = missing_columns(file.frame, mapping.columns)
    if problems:
        raise CityError(f"{file.name} does not fit the mapping\n- " + "\n- ".join(problems))
    frame = file.frame.reset_index(drop=True)
    names, is_new = _names(frame, mapping, findings)
    is_far = outside_rows(frame.to_crs("EPSG:4326"), extent)
    findings.each(
        names, np.flatnonzero(is_far & is_new),
        "reaches beyond city.extent; left out (widen the extent in city.toml if it belongs to it)",
    )  # fmt: skip
    kept = np.flatnonzero(~is_far & is_new)
    frame = frame.iloc[kept.tolist()].reset_index(drop=True)
    names = [names[row] for row in kept.tolist()]
    plain = metric(frame, crs)
    pieces = split(plain, names, findings)
    joined = join(pieces, snap_m=mapping.snap_m, findings=findings)
    if not joined.pieces.name:
        listed = "\n- ".join(findings.lines[:20])
        raise CityError(f"{file.name} holds no usable line\n- {listed}")
    loose = report_loose_ends(joined, snap_m=mapping.snap_m, findings=findings)
    ids = [f"{mapping.prefix}J{number}" for number in range(1, len(joined.places) + 1)]
    ends = Ends(
        ids,
        ids,
        "derived",
        f"ends within {mapping.snap_m:g} m",
        place_note=f"mean of the ends within {mapping.snap_m:g} m",
    )
    columns = Columns(frame, names, findings)
    found = assemble(columns, mapping, joined, ends=ends, reference=reference, crs=crs)
    return replace(found, loose=loose, findings=tuple(findings.lines))


def assemble(
    columns: Columns,
    mapping: GeoMapping,
    joined: Joined,
    *,
    ends: Ends,
    reference: str,
    crs: str,
) -> Imported:
    """Layers and directions of a network whose lines are known to meet at ``ends``.

    Loose ends are not counted; the findings are those of ``columns``.
    """
    table = _Sections(columns, mapping, joined, reference, {}, {})
    way = table.ways()
    table.fill(ends, way)
    sections = layer_frame(table.wide, joined.pieces.shape.tolist(), crs=crs)
    return Imported(
        sections=sections,
        junctions=_junctions(joined, ends, reference=reference, crs=crs),
        components=_directions(sections, way),
        length_m=float(joined.length_m.sum()),
        loose=0,
        assumed=table.assumed,
        findings=tuple(columns.findings.lines),
    )


def _names(
    frame: geopandas.GeoDataFrame, mapping: GeoMapping, findings: Findings
) -> tuple[list[str], NDArray[np.bool_]]:
    """Id of every row and whether it may stay; a repeated id costs the later row."""
    size = len(frame)
    rule = mapping.columns.get("id")
    numbered = [f"{mapping.prefix}R{row}" for row in range(1, size + 1)]
    if rule is None:
        return numbered, np.ones(size, dtype=bool)
    given = Columns(frame, numbered, findings).texts(rule).tolist()
    names = [f"{mapping.prefix}{text}" if text else numbered[row] for row, text in enumerate(given)]
    seen: dict[str, int] = {}
    is_new = np.ones(size, dtype=bool)
    for row, name in enumerate(names):
        if name in seen:
            is_new[row] = False
            findings.add(
                name, f"row {row + 1} repeats the id of row {seen[name] + 1}; the later is left out"
            )
        seen.setdefault(name, row)
    return names, is_new


@dataclass(frozen=True, slots=True, eq=False)
class _Sections:
    """The wide columns of the layer while they are put together."""

    columns: Columns
    mapping: GeoMapping
    joined: Joined
    reference: str
    wide: dict[str, object]
    assumed: dict[str, Sequence[str]]

    @property
    def row(self) -> NDArray[np.intp]:
        """Row of the file of every section (sections,)."""
        return self.joined.pieces.row

    @property
    def sourced(self) -> str:
        """Provenance of what stands in the file."""
        return provenance_text("sourced", references=[self.reference])

    def fill(self, ends: Ends, way: NDArray[np.int8]) -> None:
        """Add all columns; ``way`` is that of every section (sections,)."""
        self.wide.update(
            {
                "id": list(self.joined.pieces.name),
                "name": self._labels(),
                "provenance": "sourced",
                "references": self.reference,
            }
        )
        references = [self.reference] if ends.provenance == "sourced" else []
        origin = provenance_text(ends.provenance, references=references, note=ends.note)
        for end, places in (
            ("from_junction", self.joined.tail),
            ("to_junction", self.joined.head),
        ):
            self._add(end, [ends.ids[place] for place in places.tolist()], origin)
        self._add_class()
        self._add_numbers(way)
        for name, rule in self.mapping.extra.items():
            self._add_extra(name, rule)

    def ways(self) -> NDArray[np.int8]:
        """Direction of every section (sections,)."""
        rule = self.mapping.columns.get("oneway")
        if rule is None:
            return np.zeros(len(self.row), dtype=np.int8)
        return self.columns.ways(rule)[self.row]

    def _add(self, name: str, column: object, origin: object = None) -> None:
        self.wide[name] = column
        self.wide[f"{name}{PROVENANCE}"] = self.sourced if origin is None else origin

    def _labels(self) -> list[str]:
        """Names; a section without one is called by its id."""
        rule, ids = self.mapping.columns.get("name"), self.joined.pieces.name
        if rule is None:
            return list(ids)
        texts = self.columns.codes(rule)[self.row].tolist()
        return [text or name for text, name in zip(texts, ids, strict=True)]

    def _add_class(self) -> None:
        rule = self.mapping.columns.get("road_class")
        size = len(self.columns.frame)
        given = np.full(size, "", dtype=object) if rule is None else self.columns.codes(rule)
        known = known_classes()
        for text in sorted({*given.tolist()} - known - {"", UNKNOWN}):
            rows_of = np.flatnonzero(given == text)
            self.columns.findings.add(
                self.columns.names[int(rows_of[0])],
                f"road class {text!r} is unknown in {rows_of.size} rows; give its meaning in "
                "columns.road_class.values",
            )
        is_known = np.isin(given.astype(str), sorted(known))[self.row]
        assumed = self.mapping.assumed_class
        guess = provenance_text("estimated", note=f"class unknown, taken as {assumed}")
        self._add(
            "road_class",
            np.where(is_known, given[self.row], assumed),
            np.where(is_known, self.sourced, guess),
        )
        self._note_assumed("road_class", ~is_known)

    def _add_numbers(self, way: NDArray[np.int8]) -> None:
        """Lanes of a direction and speed; where the file has none, the default of the class."""
        speed, lanes = self._given("maxspeed"), self._given("lanes")
        is_halved = np.zeros(len(self.row), dtype=bool)
        if self.mapping.columns.get("lanes", ColumnRule("")).per == "road":
            is_halved = (way == BOTH) & (lanes > 0)
            lanes = np.where(is_halved, np.maximum(lanes // 2, 1.0), lanes)
        self._add_number("max_speed_km_h", speed, "speed_kmh")
        self._add_number("lanes_per_direction", lanes, "lanes")
        half = provenance_text(
            "derived", references=[self.reference], note="half of the lanes of the road"
        )
        key = f"lanes_per_direction{PROVENANCE}"
        self.wide[key] = np.where(is_halved, half, np.asarray(self.wide[key], dtype=object))

    def _given(self, name: str) -> NDArray[np.float64]:
        rule = self.mapping.columns.get(name)
        if rule is None:
            return np.full(len(self.row), np.nan)
        return self.columns.numbers(name, rule)[self.row]

    def _add_number(self, name: str, values: NDArray[np.float64], of_class: str) -> None:
        table = {line["key"]: float(line[of_class]) for line in rows("road_classes")}
        words = [str(word) for word in np.asarray(self.wide["road_class"])]
        default = np.array([table[ROAD_CLASSES.get(word, word)] for word in words])
        is_given = values > 0
        for place in np.flatnonzero(values <= 0).tolist():
            self.columns.findings.add(
                self.joined.pieces.name[place],
                f"{name} {values[place]:g} is not positive and counts as missing",
            )
        self._add(
            name,
            np.where(is_given, values, default),
            np.where(is_given, self.sourced, OF_CLASS).astype(object),
        )
        self._note_assumed(name, ~is_given)

    def _add_extra(self, name: str, rule: ColumnRule) -> None:
        """An attribute under its own name: a number with a unit, or a text."""
        if rule.unit:
            self._add(name, self.columns.numbers(name, rule)[self.row])
            self.wide[f"{name}{UNIT}"] = target_unit(name, rule.unit)
        else:
            self._add(name, self.columns.codes(rule)[self.row])

    def _note_assumed(self, name: str, which: NDArray[np.bool_]) -> None:
        ids = [self.joined.pieces.name[place] for place in np.flatnonzero(which).tolist()]
        if ids:
            self.assumed[name] = ids


def _junctions(joined: Joined, ends: Ends, *, reference: str, crs: str) -> geopandas.GeoDataFrame:
    content = {
        "id": list(ends.ids),
        "name": list(ends.names),
        "provenance": ends.provenance,
        "references": reference,
        "note": ends.place_note,
    }
    points = [shapely.Point(place) for place in joined.places.tolist()]
    return layer_frame(content, points, crs=crs)


def layer_frame(
    table: Mapping[str, object], shapes: Sequence[BaseGeometry], *, crs: str
) -> geopandas.GeoDataFrame:
    """A frame from columns and shapes."""
    geometry = geopandas.GeoSeries(list(shapes), crs=crs)
    return geopandas.GeoDataFrame(
        pd.DataFrame(dict(table), index=geometry.index), geometry=geometry
    )


def _directions(
    sections: geopandas.GeoDataFrame, way: NDArray[np.int8]
) -> Sequence[Mapping[str, str]]:
    """Rows of ``components.csv``: a one-way section has one direction."""
    found = []
    table = sections[["id", "name", "from_junction", "to_junction"]].astype(str)
    for sense, (key, name, tail, head) in zip(
        way.tolist(), table.itertuples(index=False, name=None), strict=True
    ):
        for code, ending, along, ends in (
            (FORWARD, "ab", "forward", (tail, head)),
            (BACKWARD, "ba", "backward", (head, tail)),
        ):
            if sense in (BOTH, code):
                found.append(
                    {
                        "id": f"{key}/{ending}",
                        "asset": key,
                        "name": f"{name} ({ends[0]} > {ends[1]})",
                        "kind": "direction",
                        "parent": "",
                        "along": along,
                    }
                )
    return found
