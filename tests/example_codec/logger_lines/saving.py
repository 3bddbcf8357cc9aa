"""``twin import logger-lines``: saved lines as the CSV file that ``twin import readings`` takes."""

import argparse
import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from logger_lines.lines import codec
from twin.errors import TwinError
from twin.model.messages import CodecContext, CodecRule, Message, Observation, Rejection
from twin.model.quality import keys
from twin.settings import Settings


def import_lines(settings: Settings, arguments: Sequence[str]) -> int:
    """Write the readings of a file and say every line that is refused; 1 if there was one."""
    del settings
    parser = argparse.ArgumentParser(prog="twin import logger-lines")
    parser.add_argument("file", type=Path)
    parser.add_argument("--logger", required=True, help="key of the logger")
    parser.add_argument("--source", required=True, help="source of its datastreams")
    parser.add_argument("--output", type=Path, required=True, help="CSV file to write")
    options = parser.parse_args(arguments)
    try:
        payload = options.file.read_bytes()
    except OSError as error:
        raise TwinError(f"{options.file} cannot be read: {error.strerror}") from error
    rule = CodecRule("{logger}", codec.name, options.source)
    context = CodecContext(rule, {"logger": options.logger})
    outcome = codec.decode(Message(options.logger, payload, datetime.now(UTC)), context)
    readings = [item for item in outcome.items if isinstance(item, Observation)]
    refused = [item for item in outcome.items if isinstance(item, Rejection)]
    with options.output.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "route_key", "time", "value", "quality"])
        for one in readings:
            time, flags = one.phenomenon_time.isoformat(), " ".join(keys(one.quality))
            table.writerow([options.source, one.route_key, time, one.value, flags])
    for one in refused:
        sys.stderr.write(f"{options.file}: {one.detail}\n")
    sys.stdout.write(f"{len(readings)} readings, {outcome.missing} missing, {len(refused)} bad\n")
    return 1 if refused else 0
