"""The portable backup: Parquet per table, a GeoPackage of the assets, a manifest with hashes.

A bundle is a folder. Whoever has no twin any more can still read it: Parquet and GeoPackage are
open formats, and the manifest names every file with its SHA-256 and its rows.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq

from twin.errors import StoreError
from twin.model.assets import Asset

FORMAT = "stadtzwilling-backup/1"
MANIFEST = "manifest.json"
GEOPACKAGE = "assets.gpkg"
HASH_BLOCK_BYTES = 1 << 20
READ_ROWS = 50_000
HEAVY_READ_ROWS = 200
"""Rows read at once, of tables with binary columns fewer: they may hold 256 KiB each."""

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "bytea": pa.binary(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "_text": pa.list_(pa.string()),
    "_float8": pa.list_(pa.float64()),
    "_int4": pa.list_(pa.int32()),
}
"""PostgreSQL types with an Arrow type of their own; all others are kept as text."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One file of a bundle: rows in it, its hash, and the columns if it is a table."""

    sha256: str
    rows: int
    columns: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds and where it comes from."""

    city: str
    created_at: str
    version: str
    backend: str
    registry_revision: int
    ledger: Mapping[str, str]
    sequences: Mapping[str, int]
    files: Mapping[str, BundledFile] = field(default_factory=dict)
    format: str = FORMAT


@contextmanager
def new_bundle(target: Path) -> Iterator[Path]:
    """A folder that gets its name only when the block succeeds; nothing is left otherwise.

    Raises
    ------
    StoreError
        If the target exists or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; name a folder that does not exist yet")
    draft = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        (draft / "tables").mkdir()
        yield draft
        _sync(draft)
        draft.rename(target)
    except OSError as error:
        raise StoreError(
            f"the backup cannot be written to {target}: {error.strerror}; "
            "free the disk or name another folder"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_table(
    bundle: Path,
    name: str,
    *,
    columns: Sequence[str],
    types: Sequence[str],
    blocks: Iterable[list[Row]],
) -> BundledFile:
    """Write one table as Parquet, block by block."""
    kinds = [ARROW_TYPES.get(kind, pa.string()) for kind in types]
    schema = pa.schema(list(zip(columns, kinds, strict=True)))
    path = bundle / "tables" / f"{name}.parquet"
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in blocks:
            arrays = [
                pa.array(values, kind)
                for values, kind in zip(zip(*block, strict=True), kinds, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows += len(block)
    return BundledFile(file_hash(path), rows, tuple(columns))


def write_assets(bundle: Path, assets: Sequence[Asset], *, crs: str) -> BundledFile | None:
    """Write the assets as a GeoPackage for every GIS; None if there are none."""
    if not assets:
        return None
    frame = geopandas.GeoDataFrame(
        {
            "id": [asset.id for asset in assets],
            "asset_class": [asset.asset_class for asset in assets],
            "name": [asset.name for asset in assets],
        },
        geometry=[asset.geometry for asset in assets],
        crs="EPSG:4326",
    ).to_crs(crs)
    path = bundle / GEOPACKAGE
    frame.to_file(path, driver="GPKG", layer="assets", engine="pyogrio")
    return BundledFile(file_hash(path), len(frame))


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write the manifest, the last file of a bundle."""
    text = json.dumps(asdict(manifest), indent=2, sort_keys=True)
    (bundle / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of a bundle whose files are all there and unchanged.

    Raises
    ------
    StoreError
        If it is no bundle, a file is missing, or its hash differs; names the file.
    """
    try:
        content = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{bundle} holds no readable {MANIFEST}: {error}; name a backup") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(
            f"{bundle / MANIFEST} is not of format {FORMAT}; name a backup of the twin"
        )
    files = {
        name: BundledFile(entry["sha256"], entry["rows"], tuple(entry["columns"]))
        for name, entry in content.pop("files").items()
    }
    for name, entry in files.items():
        path = bundle / name
        if not path.is_file():
            raise StoreError(f"{path} is missing; the backup is not complete, take another one")
        if file_hash(path) != entry.sha256:
            raise StoreError(f"{path} was changed since the backup; take another one")
    return Manifest(**content, files=files)


def read_table(bundle: Path, name: str) -> Iterator[list[Row]]:
    """Rows of a table of the bundle, in bounded blocks."""
    with pq.ParquetFile(bundle / name) as file:
        is_heavy = any(
            pa.types.is_binary(kind) or pa.types.is_list(kind) for kind in file.schema_arrow.types
        )
        for batch in file.iter_batches(HEAVY_READ_ROWS if is_heavy else READ_ROWS):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def prune(folder: Path, city: str, *, keep: int) -> Sequence[Path]:
    """Delete the backups of a city beyond the newest ones; those that were deleted.

    Only folders with a manifest of this format and of this city, in which nothing else lies.
    """
    found: list[tuple[str, str, Path]] = []
    for path in folder.iterdir():
        made = _made_at(path, city)
        if made is not None:
            found.append((made, path.name, path))
    gone = [path for _, _, path in sorted(found, reverse=True)[max(keep, 1) :]]
    for path in gone:
        hidden = path.with_name(f".{path.name}.deleted")  # never half a backup under its name
        try:
            path.rename(hidden)
            shutil.rmtree(hidden)
        except OSError as error:
            raise StoreError(
                f"the old backup {path} cannot be deleted: {error.strerror}; delete it by hand"
            ) from error
    return gone


def _made_at(path: Path, city: str) -> str | None:
    """When a folder was made, if it is a finished backup of this city and nothing but that."""
    if path.name.startswith(".") or path.is_symlink() or not path.is_dir():
        return None
    try:
        content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if (content["format"], content["city"]) != (FORMAT, city):
            return None
        named = {MANIFEST, *content["files"]}
        found = {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()}
        datetime.fromisoformat(content["created_at"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return str(content["created_at"]) if found <= named else None


def bundle_name(city: str, at: datetime) -> str:
    """Folder name of a backup.

    Examples
    --------
    >>> from datetime import UTC
    >>> bundle_name("Halle (Saale)", datetime(2026, 11, 22, 5, 30, tzinfo=UTC))
    'halle-saale-20261122T053000Z'
    """
    letters = "".join(letter if letter.isalnum() else "-" for letter in city.lower())
    plain = "-".join(part for part in letters.split("-") if part)
    return f"{plain}-{at:%Y%m%dT%H%M%SZ}"


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as text."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    """Write everything below a folder through to the disk."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
