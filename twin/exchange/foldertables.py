"""The city folder of an import: which one, its settings, and rows of its tables."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from twin.errors import CityError
from twin.exchange.folderwriting import metric_crs
from twin.exchange.layers import SUFFIXES
from twin.settings import CitySettings, Settings, load_settings

BUILT_IN = Path(__file__).parent.parent / "cities"


def target_folder(settings: Settings, given: Path | None) -> Path:
    """The city folder that an importer writes to.

    Raises
    ------
    CityError
        If nobody named one: the built-in city is not written to.
    """
    folder = (given or settings.folder).resolve()
    folder = folder.parent if folder.suffix == ".toml" else folder
    if folder.is_relative_to(BUILT_IN.resolve()):
        raise CityError("no city folder is named; say --city FOLDER, a new one is made if needed")
    return folder


def city_of(folder: Path, bounds: Sequence[float]) -> CitySettings:
    """Settings of the city of a folder; without ``city.toml`` those that an import would write.

    Parameters
    ----------
    folder
        The city folder; need not exist.
    bounds
        West, south, east, north of what is imported [deg].

    Examples
    --------
    >>> city = city_of(Path("nowhere") / "town", (13.5, 50.9, 14.0, 51.2))
    >>> city.name, city.crs, city.extent
    ('town', 'EPSG:25833', (13.5, 50.9, 14.0, 51.2))
    """
    if (folder / "city.toml").is_file():
        return load_settings(folder).city
    west, south, east, north = (float(edge) for edge in bounds)
    crs = metric_crs((west + east) / 2, (south + north) / 2)
    return CitySettings(name=folder.name, crs=crs, extent=(west, south, east, north))


def check_other_form(folder: Path, asset_class: str) -> None:
    """Refuse to write ``<class>s.gpkg`` beside a layer of the same class in another form.

    Raises
    ------
    CityError
        If there is one; both would be loaded.
    """
    for stem in (asset_class, f"{asset_class}s"):
        for suffix in SUFFIXES:
            path = folder / f"{stem}{suffix}"
            if path.exists() and path.name != f"{asset_class}s.gpkg":
                raise CityError(
                    f"{path} holds assets of the class {asset_class} already, and both files would "
                    "be loaded; move it away before the import"
                )


def merge_table(
    path: Path,
    rows: Sequence[Mapping[str, str]],
    *,
    is_own: Callable[[Mapping[str, str]], bool],
) -> None:
    """Rows of a table of the folder: own earlier ones go, those of others stay, new ones follow.

    Parameters
    ----------
    path
        The table; made if it does not exist.
    rows
        New rows; a row with the ``id`` of one of another origin is refused.
    is_own
        Whether an earlier row came from the same import.

    Raises
    ------
    CityError
        If an id is taken; lists the first ones.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "sensors.csv"
    ...     merge_table(table, [{"id": "S1", "name": "Gauge"}], is_own=lambda row: False)
    ...     merge_table(table, [{"id": "S2", "name": "Counter"}], is_own=lambda row: False)
    ...     [row["id"] for row in table_rows(table)]
    ['S1', 'S2']
    """
    kept = [row for row in table_rows(path) if not is_own(row)]
    taken = {row.get("id", "") for row in kept}
    clashes = [row["id"] for row in rows if row.get("id") in taken]
    if clashes:
        raise CityError(
            f"{path.name}: {len(clashes)} ids stand there already and come from elsewhere "
            f"({', '.join(clashes[:5])}); choose another prefix or other ids"
        )
    every = [*kept, *rows]
    if not every:
        return
    columns = list(dict.fromkeys(name for row in every for name in row))
    draft = path.with_name(f".{path.name}.partial")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(every)
    draft.replace(path)


def table_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV table with a header; none if it does not exist.

    Raises
    ------
    CityError
        If it is not UTF-8, or a row has more fields than the header.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
    except UnicodeDecodeError as error:
        raise CityError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    rows = []
    for number, row in enumerate(found, start=2):
        texts = {name: value or "" for name, value in row.items() if isinstance(name, str)}
        if len(texts) < len(row):
            raise CityError(f"{path}: row {number} has more fields than the header; correct it")
        rows.append(texts)
    return rows
