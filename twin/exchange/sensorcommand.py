"""The import ``twin import sensors FILE.csv --map mapping.toml --city FOLDER``."""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.foldertables import merge_table, table_rows, target_folder
from twin.exchange.geovalues import Findings
from twin.exchange.sensorlist import SensorMapping, read_sensor_list, read_sensor_mapping
from twin.exchange.sensormatching import CLEAR, NAMED, Places, Snap, table_of
from twin.settings import Settings, load_settings

ORIGIN = "twin import sensors"
CONFIRMED = "confirmed"
COPIED = ("quantity", "vehicle_class", "kind", "cadence_s", "privacy_class", "time_source")


def import_sensors(settings: Settings, arguments: Sequence[str]) -> int:
    """Match listed sensors with the city and write the confirmed ones; 1 if some are left."""
    options = _parser().parse_args(arguments)
    folder = target_folder(settings, options.city)
    if not (folder / "city.toml").is_file():
        raise CityError(f"{folder} is no city folder yet; import its roads or bridges first")
    city_settings = load_settings(folder).city
    mapping = read_sensor_mapping(_text(options.map), name=options.map.name)
    findings = Findings()
    listed = read_sensor_list(
        _bytes(options.path), mapping, name=options.path.name, extent=city_settings.extent,
        findings=findings,
    )  # fmt: skip
    city = read_city(folder, city_settings)
    places = Places(city, crs=city_settings.crs, targets=mapping.targets)
    confirmed = _confirmed(options.confirm)
    snaps = [places.snap(sensor, mapping) for sensor in listed]
    snaps = [
        places.with_asset(snap, confirmed[snap.sensor.text("id")])
        if snap.sensor.text("id") in confirmed
        else snap
        for snap in snaps
    ]
    origin = f"{ORIGIN} {options.path.name}"
    snaps = _with_earlier(snaps, folder, places, origin=origin)
    unknown = sorted(set(confirmed) - {sensor.text("id") for sensor in listed})
    if unknown:
        raise CityError(f"--confirm: {', '.join(unknown)} is not in the list; correct the id")
    states = (NAMED, CLEAR) if options.confirm_clear else (NAMED,)
    taken = [snap for snap in snaps if snap.state in states]
    left = [snap for snap in snaps if snap.state not in states]
    _tell(_report(taken, left, findings))
    if options.matches is not None:
        _write_matches(options.matches, snaps)
    if options.dry_run:
        _tell(["nothing was written"])
    else:
        _write(folder, taken, mapping, origin=origin)
        _tell([f"written to {folder}; `twin load {folder}` checks and loads it"])
    return int(bool(left or findings.lines))


def _with_earlier(
    snaps: Sequence[Snap], folder: Path, places: Places, *, origin: str
) -> Sequence[Snap]:
    """Matches of the same list that were confirmed before stay confirmed."""
    earlier = {
        row["id"]: row.get("component") or row.get("asset", "")
        for row in table_rows(folder / "datastreams.csv")
        if row.get("origin") == origin and row.get("matched") == CONFIRMED
    }
    return [
        places.with_asset(snap, earlier[snap.sensor.key])
        if snap.state != NAMED and not snap.sensor.text("asset") and snap.sensor.key in earlier
        else snap
        for snap in snaps
    ]


def _write(folder: Path, snaps: Sequence[Snap], mapping: SensorMapping, *, origin: str) -> None:
    def is_own(row: Mapping[str, str]) -> bool:
        return row.get("origin") == origin

    sensors = {snap.sensor.text("id"): _sensor(snap, mapping, origin) for snap in snaps}
    streams = [_datastream(snap, mapping, origin) for snap in snaps]
    merge_table(folder / "sensors.csv", list(sensors.values()), is_own=is_own)
    merge_table(folder / "datastreams.csv", streams, is_own=is_own)


def _sensor(snap: Snap, mapping: SensorMapping, origin: str) -> Mapping[str, str]:
    key = snap.sensor.text("id")
    return {
        "id": key,
        "name": snap.sensor.text("name") or key,
        "model": snap.sensor.text("model"),
        "provenance": mapping.provenance,
        "origin": origin,
    }


def _datastream(snap: Snap, mapping: SensorMapping, origin: str) -> Mapping[str, str]:
    row = snap.sensor
    key = row.text("id")
    return {
        "id": row.key,
        "name": f"{row.text('name') or key}, {row.text('quantity')}",
        "asset": snap.asset,
        "component": snap.component,
        **{name: row.text(name) for name in COPIED},
        "sensor": key,
        "source": row.text("source") or mapping.source,
        "route_key": row.text("route_key") or row.key,
        "provenance": mapping.provenance,
        "distance_m": "" if snap.distance_m is None else f"{snap.distance_m:.1f}",
        "matched": CONFIRMED,
        "origin": origin,
    }


def _confirmed(given: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for text in given:
        sensor, sign, asset = text.partition("=")
        if not (sensor and sign and asset):
            raise CityError(f"--confirm {text!r} is not SENSOR=ASSET or SENSOR=COMPONENT")
        found[sensor] = asset
    return found


def _report(taken: Sequence[Snap], left: Sequence[Snap], findings: Findings) -> Iterator[str]:
    sensors = {snap.sensor.text("id") for snap in taken}
    yield f"{len(taken):,} datastreams of {len(sensors):,} sensors have their asset"
    for snap in taken:
        distance = "" if snap.distance_m is None else f", {snap.distance_m:.1f} m"
        doubt = f" ({snap.why})" if snap.why else ""
        yield f"  {snap.sensor.key}: {snap.component or snap.asset}{distance}{doubt}"
    yield f"{len(left):,} wait for a confirmation"
    for snap in left:
        where = f"{snap.asset} in {snap.distance_m:.1f} m" if snap.distance_m is not None else "-"
        rival = f", next {snap.rival} in {snap.rival_m:.1f} m" if snap.rival_m is not None else ""
        why = f"; {snap.why}" if snap.why else ""
        yield f"  {snap.sensor.place} {snap.sensor.key}: {where}{rival}{why}"
    yield f"{len(findings.lines):,} findings"
    yield from (f"- {line}" for line in findings.lines)


def _write_matches(path: Path, snaps: Sequence[Snap]) -> None:
    rows = table_of(snaps)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["datastream"])
        writer.writeheader()
        writer.writerows(rows)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CityError(f"{path} cannot be read ({error.strerror}); name a CSV file") from None


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CityError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import sensors",
        description="Match a CSV list of sensors with road sections, bridges and components of a "
        "city folder. Only what the list names or a person confirms is written.",
    )
    parser.add_argument("path", type=Path, help="CSV file, one row per sensor and quantity")
    parser.add_argument("--map", type=Path, required=True, help="TOML file, see docs/import.md")
    parser.add_argument("--city", type=Path, help="city folder with assets")
    parser.add_argument(
        "--confirm", metavar="SENSOR=ASSET", action="append", default=[], help="may be repeated"
    )
    parser.add_argument(
        "--confirm-clear", action="store_true", help="take near matches without a rival, too"
    )
    parser.add_argument("--matches", type=Path, help="write all matches to this CSV file")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    return parser


def _tell(lines: Sequence[str] | Iterator[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
