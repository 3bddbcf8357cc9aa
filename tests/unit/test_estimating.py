"""What `twin estimate` says: the years that can be asked for, and its progress."""

import threading
from dataclasses import replace

import pytest
from store_samples import city

from simulations.estimating import Told, counted_year, counted_years, newest_year
from twin.errors import RegistryError, SettingsError
from twin.model.assets import Attribute
from twin.model.city import City
from twin.model.provenance import Provenance


def _counted(year: int, *, bridges: int) -> City:
    found = city()
    asset = found.assets[0]
    count = Attribute(f"adt_{year}_veh_d", 9000.0, "1/d", Provenance("estimated"))
    assets = tuple(replace(asset, id=f"B{n}", attributes=(count,)) for n in range(bridges))
    return replace(found, assets=assets)


def test_a_year_without_counts_is_refused_before_anything_is_solved() -> None:
    counted = _counted(2018, bridges=3)
    assert (newest_year(counted), counted_year(counted, "2018")) == ("2018", "2018")
    for year in ("abc", "99999", "2099"):
        with pytest.raises(SettingsError, match="years with counts are 2018"):
            counted_year(counted, year)
    assert list(counted_years(_counted(2018, bridges=2))) == []
    with pytest.raises(RegistryError, match="adt_2018_veh_d"):
        newest_year(_counted(2018, bridges=2))


def test_progress_outside_a_terminal_repeats_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(threading.Event())
    for number in range(500):
        told.progress("pricing", number, float("nan"))
    told.progress("pass", 1, 1e-3)
    told.progress("pricing", 1, float("nan"))
    told.end()
    assert capsys.readouterr().err == "  pricing 0\n  pass 1, gap 1.0e-03\n"
