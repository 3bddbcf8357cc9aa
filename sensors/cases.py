"""Golden cases of codecs from folders, and the contract kit as a command.

``python -m sensors.cases CODEC FOLDER`` runs every check of `sensors.codecs.contract` on an
installed codec; the form of a case stands in docs/codecs.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from sensors.codecs.contract import Case, problems
from sensors.routing import parse_template
from twin.errors import PluginError, SettingsError, TwinError
from twin.model.messages import CodecContext, CodecRule, Message
from twin.plugins import load
from twin.ports import Codec


def read_case(folder: Path) -> tuple[str, Case]:
    """Name of the codec and the case of a folder: ``case.json`` and ``payload.*``.

    Raises
    ------
    SettingsError
        If a file or a field is missing or wrong; names the folder.
    """
    try:
        told = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        payload = _only(folder, "payload.*")
        if payload is None:
            raise SettingsError(f"{folder}: there must be exactly one file payload.*")
        return str(told["codec"]), _case(folder, told, payload)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{folder}: no golden case: {type(error).__name__}: {error}; docs/codecs.md shows one"
        ) from error


def read_cases(folder: Path, codec: str) -> list[Case]:
    """Cases of one codec among the folders of this folder, by name.

    Raises
    ------
    SettingsError
        If a case cannot be read.
    """
    named = [read_case(one) for one in sorted(folder.iterdir()) if one.is_dir()]
    return [case for name, case in named if name == codec]


def installed_codec(name: str) -> Codec:
    """Codec of an entry point.

    Raises
    ------
    PluginError
        If there is none of this name, it does not load, or it is no codec.
    """
    codec = load("codecs", name)
    if not all(hasattr(codec, part) for part in ("name", "version", "decode")):
        raise PluginError(f"codecs plugin {name!r} is no codec; it needs name, version and decode")
    return cast("Codec", codec)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check an installed codec with its golden cases; 0 if the contract is kept."""
    parser = argparse.ArgumentParser(prog="python -m sensors.cases", description=__doc__)
    parser.add_argument("codec", help="name of the entry point")
    parser.add_argument("folder", type=Path, help="one folder per golden case")
    options = parser.parse_args(arguments)
    try:
        codec = installed_codec(options.codec)
        cases = read_cases(options.folder, options.codec)
        found = problems(codec, cases)
    except (TwinError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for one in found:
        sys.stderr.write(f"{one}\n")
    if not found:
        sys.stdout.write(f"{codec.name} {codec.version}: {len(cases)} cases, contract kept\n")
    return 1 if found else 0


def _case(folder: Path, told: dict[str, Any], payload: bytes) -> Case:
    template = told["template"]
    rule = {"topic": template, "codec": told["codec"], "source": "test", **told.get("rule", {})}
    received = datetime.fromisoformat(told["received_at"])
    return Case(
        name=folder.name,
        message=Message(told["topic"], payload, received, told.get("retained", False)),
        context=CodecContext(
            rule=TypeAdapter(CodecRule).validate_python(rule),
            names=parse_template(template).match(told["topic"].split("/")) or {},
            tables=told.get("tables", {}),
            state=told.get("state", {}),
        ),
        values=told["values"],
        expected=told["expected"],
        spoilt=_only(folder, "spoilt.*"),
    )


def _only(folder: Path, pattern: str) -> bytes | None:
    files = list(folder.glob(pattern))
    return files[0].read_bytes() if len(files) == 1 else None


if __name__ == "__main__":
    sys.exit(main())
