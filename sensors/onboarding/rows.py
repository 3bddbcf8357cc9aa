"""From an accepted proposal to rows of the city folder: the folder stays the truth."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensors.knowledge import Waiting
from twin.errors import ModelError
from twin.settings import Settings

SENSORS, DATASTREAMS = "sensors.csv", "datastreams.csv"
SENSOR_COLUMNS = ("id", "name", "model", "provenance")
DATASTREAM_COLUMNS = (
    "id", "name", "asset", "component", "quantity", "kind", "cadence_s", "sensor", "source",
    "route_key", "provenance", "time_source", "privacy_class",
)  # fmt: skip
ENTITY_FIELDS = ("path", "filters", "component", "on", "off")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person adds to a proposal; a proposal says nothing of the place."""

    asset: str
    component: str
    quantity: str
    privacy_class: str
    name: str


def accept(proposal: Waiting, given: Acceptance, settings: Settings) -> list[str]:
    """Write the rows of an accepted proposal; the names of the files that changed.

    Raises
    ------
    ModelError
        If the folder has a datastream for it already, or a table cannot be extended.
    """
    details = proposal.details
    is_entity = "discovery_topic" in details
    sensor = str(details.get("device") or proposal.key.partition("#")[0])
    uid = f"{proposal.source}:{proposal.key}"
    stream = {
        "id": uid,
        "name": given.name or proposal.name,
        "asset": given.asset,
        "component": given.component,
        "quantity": given.quantity,
        "kind": "reading",
        "cadence_s": details.get("expected_interval_s", ""),
        "sensor": sensor,
        "source": proposal.source,
        "route_key": proposal.key,
        "provenance": "measured",
        "time_source": "server" if is_entity else "device",
        "privacy_class": given.privacy_class,
    }
    row = {
        "id": sensor,
        "name": sensor,
        "model": details.get("model", ""),
        "provenance": "measured",
    }
    folder = settings.folder
    streams = _Table(folder / DATASTREAMS, DATASTREAM_COLUMNS)
    if streams.has(source=proposal.source, route_key=proposal.key) or streams.has(id=uid):
        raise ModelError(f"{DATASTREAMS} has a datastream for {proposal.key!r} already; edit that")
    sensors = _Table(folder / SENSORS, SENSOR_COLUMNS)
    contents = {folder / DATASTREAMS: streams.extended(stream)}
    if not sensors.has(id=sensor):
        contents[folder / SENSORS] = sensors.extended(row)
    if is_entity:
        file = entities_file(settings, proposal.source)
        contents[folder / file] = _with_entity(folder / file, proposal)
    for file, text in contents.items():
        temporary = file.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(file)
    return [file.name for file in contents]


def entities_file(settings: Settings, source: str) -> str:
    """File of the accepted entities of a source."""
    named = (
        table.file
        for table in settings.codec.table
        if (table.name, table.source) == ("entities", source)
    )
    return next(named, f"{source}-entities.json")


class _Table:
    """A CSV table of the folder; its own columns and rows stay as they are."""

    def __init__(self, file: Path, columns: tuple[str, ...]) -> None:
        self._name = file.name
        self._text = ""
        self._columns = columns
        if file.exists():
            self._text = file.read_text("utf-8-sig")
            self._columns = tuple(next(csv.reader(io.StringIO(self._text)), columns))
        self._rows = list(csv.DictReader(io.StringIO(self._text)))

    def has(self, **cells: str) -> bool:
        """Whether a row has these cells."""
        return any(all(row.get(name) == one for name, one in cells.items()) for row in self._rows)

    def extended(self, row: Mapping[str, object]) -> str:
        """The table with one more row.

        Raises
        ------
        ModelError
            If a cell that differs from the default has no column.
        """
        defaults = {"kind": "reading", "time_source": "device", "privacy_class": "technical"}
        lost = [
            name
            for name, cell in row.items()
            if name not in self._columns and cell not in ("", defaults.get(name))
        ]
        if lost:
            raise ModelError(
                f"{self._name} has no column {', '.join(lost)}; add it to the header (empty cells "
                "count as the default), then accept again"
            )
        into = io.StringIO()
        writer = csv.DictWriter(into, self._columns, lineterminator="\n", extrasaction="ignore")
        if not self._text:
            writer.writeheader()
        elif not self._text.endswith("\n"):
            into.write("\n")
        writer.writerow({name: row.get(name, "") for name in self._columns})
        return self._text + into.getvalue()


def _with_entity(file: Path, proposal: Waiting) -> str:
    try:
        table: Any = json.loads(file.read_text("utf-8")) if file.exists() else {}
    except ValueError as error:
        raise ModelError(f"{file.name} is no JSON: {error}; correct it") from None
    if not isinstance(table, dict):
        raise ModelError(f"{file.name} is no JSON object; move it away")
    details = proposal.details
    entity = {name: details[name] for name in ENTITY_FIELDS if name in details}
    entity |= {"id": proposal.key, "unit": proposal.unit}
    topic = str(details["topic"])
    others = [one for one in table.get(topic, []) if one.get("id") != proposal.key]
    table[topic] = [*others, entity]
    return json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
