"""The job ``replay``: publish a recorded CSV file over MQTT, as if its sensors spoke now."""

import argparse
import json
import logging
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sensors.broker import Publisher, client_id
from sensors.playback.recording import (
    RecordedValue,
    Recording,
    decode_text,
    read_mapping,
    read_recording,
)
from twin.errors import SettingsError
from twin.model.quality import keys
from twin.model.times import utc_now
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 1 << 30
ROWS_SHOWN = 20
FLUSH_S = 30.0


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Replay a file; exit code 0 if the broker confirmed every message, else 1."""
    options = _parser().parse_args(arguments)
    if options.speed < 0 or (options.shift == "now" and options.speed == 0):
        raise SettingsError(
            f"--speed {options.speed:g} must be above 0 (0, without --shift: no waiting)"
        )
    recording = load_recording(options.file, options.mapping)
    _log_recording(recording)
    if options.dry_run:
        sys.stdout.write("".join(f"{line}\n" for line in preview(recording)))
        return 0
    if not settings.broker.host:
        raise SettingsError(
            "no broker is configured: name one in city.toml ([broker] host) or start `twin up`"
        )
    stop = stop_on_signal()
    publisher = Publisher(settings.broker, client_id(settings.city.tenant, "replay"))
    tenant = settings.city.tenant

    def publish(one: Due) -> bool:
        return publisher.publish(topic(one.value, tenant), payload(one.value))

    try:
        published = play(
            schedule(
                recording.values,
                speed=options.speed,
                begin=utc_now() if options.shift == "now" else None,
            ),
            publish=publish,
            stop=stop,
        )
    finally:
        unconfirmed = publisher.close(FLUSH_S)
    facts = {"published": published, "unconfirmed": unconfirmed, "refused": publisher.refused}
    logger.info("replay_ended", extra=facts)
    return (
        1
        if unconfirmed
        or publisher.refused
        or (published < len(recording.values) and not stop.is_set())
        else 0
    )


def load_recording(file: Path, mapping_file: Path) -> Recording:
    """Read a file with its mapping.

    Raises
    ------
    SettingsError
        If one of the two cannot be read; names it and what to do.
    """
    try:
        content = tomllib.loads(mapping_file.read_text(encoding="utf-8"))
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise SettingsError(f"{file} is larger than {LARGEST_FILE_BYTES} bytes; split it")
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{mapping_file} is not valid TOML: {error}") from None
    mapping = read_mapping(content, str(mapping_file))
    return read_recording(decode_text(data, mapping.encoding), mapping)


@dataclass(frozen=True, slots=True)
class Due:
    """A value, and how long after the start it is published [s]."""

    after_s: float
    value: RecordedValue


def schedule(
    values: Sequence[RecordedValue], *, speed: float, begin: datetime | None
) -> Iterator[Due]:
    """Values in order of time with their due moments.

    Parameters
    ----------
    speed
        Recorded seconds per second; 0 publishes without waiting.
    begin
        None keeps the recorded times. A time shifts the recording: its first value gets this
        time, and the others follow as time-lapse, so that none lies in the future.
    """
    ordered = sorted(values, key=lambda value: value.time)
    for value in ordered:
        recorded_s = (value.time - ordered[0].time).total_seconds()
        after_s = recorded_s / speed if speed else 0.0
        if begin is None:
            yield Due(after_s, value)
        else:
            moved = begin + timedelta(seconds=after_s)
            yield Due(after_s, RecordedValue(value.key, moved, value.value, value.quality))


def play(
    dues: Iterator[Due],
    *,
    publish: Callable[[Due], bool],
    stop: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publish each value at its moment; how many were handed to the broker."""
    begin_s = clock()
    published = 0
    for due in dues:
        wait_s = due.after_s - (clock() - begin_s)
        if wait_s > 0 and stop.wait(wait_s):
            break
        if stop.is_set() or not publish(due):
            break
        published += 1
    return published


def topic(value: RecordedValue, tenant: str) -> str:
    """Own topic of a value."""
    return f"twin/v1/{tenant}/{value.key}/obs"


def payload(value: RecordedValue) -> bytes:
    """Own payload of a value."""
    content: dict[str, object] = {"t": value.time.isoformat(), "v": value.value}
    if value.quality:
        content["q"] = list(keys(value.quality))
    return json.dumps(content).encode()


def preview(recording: Recording) -> list[str]:
    """Counts and the first values as they would be stored."""
    counts = f"{recording.rows} rows, {len(recording.values)} values"
    lines = [f"{counts}, {recording.missing} missing, {recording.rejected} rejected"]
    if recording.ignored_columns:
        lines.append(f"ignored columns: {', '.join(map(repr, recording.ignored_columns))}")
    lines += recording.problems
    lines += [
        f"{value.key}  {value.time.isoformat()}  {value.value:g}  {' '.join(keys(value.quality))}"
        for value in recording.values[:ROWS_SHOWN]
    ]
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin replay", description="Publish a recorded CSV file over MQTT."
    )
    parser.add_argument("file", type=Path, help="recorded CSV file")
    parser.add_argument("--mapping", type=Path, required=True, help="mapping file (TOML)")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="recorded seconds per second; 0: no waiting"
    )
    parser.add_argument(
        "--shift", choices=["now"], help="give the first value the present time; time-lapse"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show counts and the first values, publish nothing"
    )
    return parser


def _log_recording(recording: Recording) -> None:
    logger.info(
        "recording_read",
        extra={
            "rows": recording.rows,
            "values": len(recording.values),
            "missing": recording.missing,
            "rejected": recording.rejected,
        },
    )
    for problem in recording.problems:
        logger.warning("recording_problem", extra={"problem": problem})
