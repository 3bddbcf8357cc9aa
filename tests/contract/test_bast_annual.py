"""Annual values of BASt stations, F-BAA rules of the format specification."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.history.bast_annual import Station, import_annual, inconsistencies, read_bast_annual
from sensors.history.importfile import Finding, Refusal
from twin.errors import SettingsError
from twin.settings import CitySettings, Settings

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "samples" / "bast"
FILE = FOLDER / "synthetic_annual.csv"
HEADER = "DZ_Nr;DZ_Name;DTV_Kfz_Q;DTV_Kfz_Ri1;DTV_Kfz_Ri2;DTV_SV_Q;pSV_Q"
SETTINGS = Settings(CitySettings("T", "EPSG:25833", (13.0, 50.0, 14.0, 51.0)), Path())
needs_samples = pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/samples here")


@needs_samples
def test_stations_are_read_by_name_and_checked(tmp_path: Path, capsys) -> None:
    """F-BAA-1, F-BAA-2."""
    want = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))[FILE.name]
    out = tmp_path / "stations.csv"
    assert import_annual(SETTINGS, [str(FILE), "--out", str(out)]) == 0
    assert f"columns without a name are ignored: '{want['ignored_columns'][0]}'" in (
        capsys.readouterr().out
    )
    with out.open(encoding="utf-8", newline="") as text:
        first, second = csv.DictReader(text)
    assert first["DZ_Name"] == want["9901"]["name"]
    assert float(first["DTV_Kfz_MobisSo_Q"]) == want["9901"]["DTV_Kfz"]
    assert float(first["pSV_MobisSo_Q"]) == want["9901"]["pSV"]
    assert float(first["Koor_UTM32_E"]) == want["9901"]["E"]
    assert (second["DTV_Kfz_MobisSo_Q"], second["Koor_UTM32_E"]) == ("", "")
    assert "...21" not in first
    assert first["is_consistent"] == "yes"


def test_published_values_are_consistent() -> None:
    """F-BAA-2: 60,837 + 63,259 = 124,096, and 6,926 of them are 5.58 %."""
    cells = {
        "DTV_Kfz_Q": "124096", "DTV_Kfz_Ri1": "60837", "DTV_Kfz_Ri2": "63259",
        "DTV_SV_Q": "6926", "pSV_Q": "5.6",
    }  # fmt: skip
    assert list(inconsistencies(cells)) == []
    assert len(list(inconsistencies(cells | {"DTV_Kfz_Ri1": "60873"}))) == 1


def test_copies_with_lost_decimal_signs_are_refused_for_calibration(tmp_path: Path, capsys) -> None:
    """F-BAA-3."""
    file, out = tmp_path / "copy.csv", tmp_path / "out.csv"
    file.write_text(f"{HEADER}\n0901;B;40123;20311;19812;2809;70\n", encoding="latin-1")
    assert import_annual(SETTINGS, [str(file), "--out", str(out)]) == 1
    assert "1 stations, 1 not fit for calibration" in capsys.readouterr().out
    (row,) = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert (row["DZ_Nr"], row["is_consistent"]) == ("0901", "no")
    assert row["inconsistencies"] == "pSV_Q is 70, but DTV_SV_Q / DTV_Kfz_Q is 7 %"
    with pytest.raises(SettingsError, match="imported file itself"):
        import_annual(SETTINGS, [str(file), "--out", str(file)])


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.text(st.sampled_from("0123456789;,.-NA"), max_size=60), max_size=5))
def test_any_rows_give_stations_or_refusals(lines: list[str]) -> None:
    """F-BAA-1."""
    items = list(read_bast_annual([HEADER, *lines]))
    assert all(isinstance(one, Station | Refusal | Finding) for one in items)
