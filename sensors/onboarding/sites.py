"""``twin import datex2-sites``: a site table becomes a metadata table of the city folder."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensors.codecs.datex2sites import read_sites
from sensors.codecs.decoder import RefusedError
from sensors.metadata import LARGEST_BYTES
from twin.errors import ModelError
from twin.settings import Settings

DEFAULT_FILE = "datex2-sites.json"
SHOWN = 20


def import_sites(settings: Settings, arguments: Sequence[str]) -> int:
    """Write the table and tell what is new, changed and gone; 0."""
    options = _parser().parse_args(arguments)
    target = settings.folder / options.file
    if not target.resolve().is_relative_to(settings.folder.resolve()):
        raise ModelError(f"--file {options.file} lies outside of the city folder; name one in it")
    table = _read(options.path)
    before = _present(target)
    table["cross_sections"] = bool(options.cross_sections or before.get("cross_sections"))
    _tell(_differences(before.get("sites", {}), table["sites"]))
    if options.dry_run:
        _tell(["nothing was written"])
        return 0
    text = json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    temporary = target.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
    _tell([f"{target.name} is written; the ingester reads it after `twin load` or a restart"])
    declared = {(one.name, one.file) for one in settings.codec.table}
    if ("sites", options.file) not in declared:
        _tell(
            [
                "add to city.toml, with the source of your rule:",
                "[[codec.table]]",
                'name = "sites"',
                'source = "..."',
                f'file = "{options.file}"',
            ]
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin import datex2-sites", description=__doc__)
    parser.add_argument("path", type=Path, help="MeasurementSiteTablePublication, XML, v2 or v3")
    parser.add_argument("--file", default=DEFAULT_FILE, help="name in the city folder")
    parser.add_argument(
        "--cross-sections",
        action="store_true",
        help="also give flow and speed over all lanes of a site (key SITE/flow, SITE/speed)",
    )
    parser.add_argument("--dry-run", action="store_true")
    return parser


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ModelError(f"{path} is larger than {LARGEST_BYTES} bytes; split it by table")
        return read_sites(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; name another file") from None
    except RefusedError as refused:
        raise ModelError(f"{path}: {refused.detail}") from None


def _present(target: Path) -> Mapping[str, Any]:
    if not target.exists():
        return {}
    try:
        found = json.loads(target.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{target} is not readable as JSON: {error}; move it away") from None
    return found if isinstance(found, dict) else {}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    new = sorted(set(after) - set(before))
    gone = sorted(set(before) - set(after))
    changed = sorted(key for key in set(after) & set(before) if after[key] != before[key])
    lines = [f"{len(after)} sites: {len(new)} new, {len(changed)} changed, {len(gone)} gone"]
    for word, keys in (("new", new), ("changed", changed), ("gone", gone)):
        lines += [f"  {word}: {key}" for key in keys[:SHOWN]]
        lines += [f"  and {len(keys) - SHOWN} more {word}"] if len(keys) > SHOWN else []
    return lines


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
