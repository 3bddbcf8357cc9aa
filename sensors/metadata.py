"""Metadata tables of sources: JSON files of the city folder that codecs read beside the message."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from twin.errors import SettingsError
from twin.model.messages import CodecTable
from twin.settings import Settings

logger = logging.getLogger(__name__)

LARGEST_BYTES = 64 * 1024 * 1024


def read_table(table: CodecTable, folder: Path) -> object:
    """Content of a metadata table.

    Raises
    ------
    SettingsError
        If the file lies outside the city folder, is missing, too large or not JSON.
    """
    file = (folder / table.file).resolve()
    what = f"codec.table {table.name!r} of source {table.source!r}: {table.file}"
    if not file.is_relative_to(folder.resolve()):
        raise SettingsError(f"{what} lies outside of the city folder; put the file into it")
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise SettingsError(f"{what} is larger than {LARGEST_BYTES} bytes; split the source")
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{what} does not exist; make it (docs/codecs.md) or remove the entry"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{what} is not readable as JSON: {error}; correct it") from None


def read_tables(settings: Settings) -> Mapping[str, Mapping[str, object]]:
    """All metadata tables by source and name; one that cannot be read is left out and logged."""
    found: dict[str, dict[str, object]] = {}
    for table in settings.codec.table:
        try:
            found.setdefault(table.source, {})[table.name] = read_table(table, settings.folder)
        except SettingsError as error:
            logger.warning("codec_table_unreadable", extra={"reason": str(error)})
    return found


def table_problems(settings: Settings) -> list[str]:
    """Every problem of the metadata tables, in words."""
    problems: list[str] = []
    sources = {rule.source for rule in settings.codec.rule}
    seen: set[tuple[str, str]] = set()
    for table in settings.codec.table:
        if table.source not in sources:
            problems.append(
                f"codec.table {table.name!r}: no [[codec.rule]] has source {table.source!r}"
            )
        if (table.source, table.name) in seen:
            problems.append(
                f"codec.table {table.name!r} of source {table.source!r} is declared twice"
            )
        seen.add((table.source, table.name))
        try:
            read_table(table, settings.folder)
        except SettingsError as error:
            problems.append(str(error))
    return problems
