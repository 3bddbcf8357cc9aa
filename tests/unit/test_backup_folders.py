"""Old backups go; nothing else in the folder does."""

import json
from pathlib import Path

from twin.exchange.bundle import FORMAT, prune


def folder(place: Path, name: str, made: str, **facts: object) -> Path:
    path = place / name
    (path / "tables").mkdir(parents=True)
    (path / "tables" / "asset.parquet").write_bytes(b"x")
    content = {
        "format": FORMAT,
        "city": "T",
        "created_at": made,
        "files": {"tables/asset.parquet": {}},
        **facts,
    }
    (path / "manifest.json").write_text(json.dumps(content))
    return path


def test_the_newest_backups_of_a_city_stay_and_older_ones_go(tmp_path: Path) -> None:
    paths = [folder(tmp_path, f"t-{day}", f"2026-11-{day}T00:00:00Z") for day in (12, 10, 11)]
    assert prune(tmp_path, "T", keep=3) == []
    assert prune(tmp_path, "T", keep=1) == [paths[2], paths[1]]
    assert list(tmp_path.iterdir()) == [paths[0]]
    assert prune(tmp_path, "T", keep=0) == []


def test_what_is_no_backup_of_this_city_and_format_is_never_touched(tmp_path: Path) -> None:
    old = "2020-01-01T00:00:00Z"
    folder(tmp_path, "new", "2026-11-22T00:00:00Z")
    folder(tmp_path, "other-city", old, city="U")
    folder(tmp_path, "other-format", old, format="stadtzwilling-backup/9")
    folder(tmp_path, "no-time", "yesterday")
    folder(tmp_path, "files-are-odd", old, files=7)
    folder(tmp_path, ".t.partial", old)
    (folder(tmp_path, "with-notes", old) / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(folder(tmp_path / "elsewhere", "t", old))
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "manifest.json").write_text("[]")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert prune(tmp_path, "T", keep=1) == []
    assert sorted(tmp_path.rglob("*")) == before
