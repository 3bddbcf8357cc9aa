"""The file about the session: how long it counts, whose it is, what it survives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensors.broker.session import Remembered, SessionFile

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY_S = 24 * 3600


def kept(file: Path | None, *, host: str = "h", later: timedelta = timedelta()) -> SessionFile:
    return SessionFile(file, owner=(host, "twin-x-1"), expiry_s=DAY_S, clock=lambda: NOON + later)


def test_a_session_is_expected_until_it_expires_and_its_filters_are_known(tmp_path: Path) -> None:
    file = tmp_path / "status" / "session.json"
    assert kept(file).read() == Remembered()
    kept(file).keep(["a/#"])
    for hours, is_expected in ((0, True), (23, True), (25, False), (-1, True)):
        found = kept(file, later=timedelta(hours=hours)).read()
        assert found == Remembered(("a/#",), is_expected)


def test_the_session_at_another_broker_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    kept(file).keep(["a/#"])
    assert kept(file, host="other").read() == Remembered()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff", b"[" * 10_000, b'{"owner": ["h", "twin-x-1"]}']
)
def test_a_file_that_says_something_else_counts_as_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "session.json"
    file.write_bytes(content)
    assert kept(file).read() == Remembered()


def test_what_is_no_filter_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    kept(file).keep(["", "a/#", "\0", "\ud800", "x" * 70_000])
    assert kept(file).read().filters == ("a/#",)


def test_without_a_folder_that_can_be_written_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("a file")
    kept(tmp_path / "status" / "session.json").keep(["a/#"])
    kept(None).keep(["a/#"])
    assert kept(None).read() == Remembered()
