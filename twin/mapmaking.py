"""The job ``basemap``: roads, water and bridges of the city as one file of map tiles."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from twin.errors import CityError
from twin.runtime import open_twin
from twin.settings import Settings

ENDING = ".pmtiles"


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Write one PMTiles file of the city's own roads, water and bridge areas; exit code 0."""
    from twin.exchange.basemap_out import ASSET_CLASSES, basemap  # noqa: PLC0415 - heavy

    parser = argparse.ArgumentParser(prog="twin basemap", description=command.__doc__)
    parser.add_argument("target", type=Path, help=f"file to write, ending in {ENDING}")
    target: Path = parser.parse_args(arguments).target
    if target.suffix != ENDING:
        raise CityError(f"{target} does not end in {ENDING}; name it {target.stem}{ENDING}")
    if target.exists():
        raise CityError(f"{target} exists already; move it away or name another file")
    twin = open_twin(settings, role="work")
    try:
        content = basemap(
            [one for one in twin.assets() if one.asset_class in ASSET_CLASSES],
            name=settings.city.name,
            references=twin.references(),
            tell=_say,
        )
    finally:
        twin.close()
    draft = target.with_name(f".{target.name}.partial")
    draft.write_bytes(content)
    draft.rename(target)
    _say(f"{target}: {len(content) / 1e6:.1f} MB")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
