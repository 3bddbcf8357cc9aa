"""The file of the last sequence numbers: whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.ingest.counterfile import CounterFile, packed, unpacked
from sensors.rules.sequences import Counters


def _counters() -> Counters:
    names = (("demo", "a/1"), ("demo", 'ü "quoted"'))
    columns = [np.array([start, start + 1], np.int64) for start in (7, 70, 0, 65_536)]
    return Counters(names, *columns)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    file = CounterFile(tmp_path / "learned" / "numbers-1.json")
    assert file.read() is None
    file.write(_counters())
    found = file.read()
    assert found is not None
    assert found.names == _counters().names
    assert all(map(np.array_equal, found[1:], _counters()[1:]))
    assert [one.name for one in (tmp_path / "learned").iterdir()] == ["numbers-1.json"]


def test_a_file_that_is_not_whole_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "numbers-1.json"
    path.write_bytes(packed(_counters())[:-30])
    assert CounterFile(path).read() is None
    assert "counters_unreadable" in caplog.messages


@given(st.data())
def test_damaged_bytes_are_refused(data: st.DataObject) -> None:
    content = bytearray(packed(_counters()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="checksum"):
        unpacked(bytes(content))
