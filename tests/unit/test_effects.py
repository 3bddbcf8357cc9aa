"""What a scenario means beside flows: bridges by weight, reach, load, emissions; and where not."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from shapely.geometry import Point

from simulations.answering import Answer, answer
from simulations.telling import report_text
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from twin.errors import NetworkError, SettingsError
from twin.exchange.emission_tables import read_emission_tables
from twin.exchange.facilities import emergency_places
from twin.model.assets import Asset
from twin.model.bases import TrafficBase
from twin.model.city import City
from twin.model.interventions import Intervention
from twin.model.packing import pack, unpack
from twin.model.provenance import Provenance
from twin.model.scenarios import Scenario
from twin.model.surroundings import EmergencyPlace, Surroundings
from twin.model.traffic import SolveOptions

DRAWN, DEMAND = two_routes(cars_vehh=900.0, lorries_vehh=100.0)
NETWORK = replace(DRAWN, mask=np.full_like(DRAWN.mask, 0xFFFFFFFF))
STATE = engine.solve(NETWORK, DEMAND, options=SolveOptions())
STATION = EmergencyPlace("fire_station", "F1", "Wache West", 1, 20.0)
AROUND = Surroundings(
    zone_node=np.array([1, 3]),
    residents=np.array([1000.0, 500.0]),
    places=(STATION,),
    reach_minutes=(8.0, 12.0, 15.0),
    peak_share=0.1,
)
CLOSED = Scenario("closed", "today", (Intervention("close_asset", ("B1",)),))
TABLE = (
    "pollutant,class,speed_kmh,factor_g_km,fitting_error,tool_version\n"
    "CO2,car,10,300,0.1,SUMO 1.28\nCO2,car,60,100,0.1,SUMO 1.28\n"
    "CO2,lorry,10,900,0.2,SUMO 1.28\nCO2,lorry,60,500,0.2,SUMO 1.28\n"
)


def asked(around: Surroundings, scenario: Scenario = CLOSED) -> Answer:
    base = TrafficBase(NETWORK, DEMAND, STATE, around)
    return answer(base, engine, scenario=scenario, options=SolveOptions())


def report(around: Surroundings, scenario: Scenario = CLOSED) -> dict[str, Any]:
    return cast("dict[str, Any]", asked(around, scenario).report())


def test_residents_are_counted_within_each_limit_before_and_after() -> None:
    found = report(AROUND)["reach"]
    (stations,) = found["kinds"]
    assert (found["status"], stations["places"], found["missing"]) == ("computed", 1, ["hospital"])
    residents = [
        (item["minutes"], item["base_residents"], item["scenario_residents"])
        for item in stations["limits"]
    ]
    assert residents == [(8.0, 1000.0, 1000.0), (12.0, 1500.0, 1000.0), (15.0, 1500.0, 1500.0)]
    (beyond,) = stations["limits"][1]["newly_beyond"]
    assert (beyond["zone"], beyond["residents"]) == ("east", 500.0)
    assert 11.0 < beyond["base_minutes"] < 12.0 < beyond["scenario_minutes"]


def test_the_last_bridge_is_newly_without_alternative() -> None:
    (bridge,) = report(AROUND)["reach"]["without_alternative"]["newly"]
    assert (bridge["asset"], bridge["delayed_vehh"]) == ("B2", 0.0)
    assert bridge["cut_off_vehh"] in (300.0, 900.0)


def test_a_town_without_stations_or_residents_gets_no_number() -> None:
    assert report(Surroundings())["reach"]["status"] == "no_places"
    barred = TrafficBase(DRAWN, DEMAND, STATE, AROUND)
    found = answer(barred, engine, scenario=CLOSED, options=SolveOptions()).report()
    assert cast("dict[str, Any]", found)["reach"]["status"] == "no_rights"
    nobody = replace(AROUND, residents=np.zeros(2))
    assert report(nobody)["reach"]["status"] == "no_residents"
    german = report_text(report(Surroundings()), language="de", names={})
    assert "keine Feuerwachen" in german
    assert "keine Tabelle mit Emissionsfaktoren" in german
    assert "Schwerverkehr je Stunde" in german, "no share of the day: no vehicles per day"


def test_heavy_vehicles_stand_by_bridge_and_class_before_and_after() -> None:
    rows = {item["asset"]: item for item in report(AROUND)["bridges"]}
    lorries = next(item for item in rows["B2"]["classes"] if item["class"] == "lorry")
    assert rows["B2"]["scenario_heavy_vehd"] == pytest.approx(1000.0)
    assert (lorries["is_heavy"], lorries["scenario_vehd"]) == (True, pytest.approx(1000.0))
    assert (lorries["mass_from_t"], lorries["mass_to_t"]) == (12.0, 26.0)
    assert rows["B1"]["scenario_heavy_vehd"] == 0.0


def test_the_file_for_bridges_adds_up_to_the_flows_of_both_sides() -> None:
    with np.load(io.BytesIO(asked(AROUND).parts["bridges"])) as file:
        columns = {name: file[name] for name in file.files}
    base = (columns["side"] == "base") & (columns["vehicle_class"] == "lorry")
    assert columns["flow_vehh"][base].sum() == pytest.approx(100.0)
    new = columns["side"] == "scenario"
    assert columns["flow_vehh"][new & (columns["asset"] == "B1")].sum() == 0.0
    assert len(set(columns["direction"].tolist())) == 2
    assert np.all(columns["flow_low_vehh"] <= columns["flow_vehh"])
    assert np.all(columns["flow_vehh"] <= columns["flow_high_vehh"])


def test_the_loss_of_a_banned_class_is_no_noise_however_the_rest_converged() -> None:
    limit = Scenario("7.5 t", "today", (Intervention("limit_weight", ("B1",), {"mass_t": 7.5}),))
    restless = replace(STATE, movement_pceh=np.full_like(STATE.movement_pceh, 500.0))
    base = TrafficBase(NETWORK, DEMAND, restless, AROUND)
    found = answer(base, engine, scenario=limit, options=SolveOptions()).report()
    rows = {item["asset"]: item for item in cast("dict[str, Any]", found)["bridges"]}
    lost = rows["B1"]["base_heavy_vehh"] - rows["B1"]["scenario_heavy_vehh"]
    assert lost > 0.0
    assert lost > rows["B1"]["heavy_floor_vehh"]
    assert rows["B1"]["floor_vehh"] > 500.0, "of all vehicles it stays noise"


def test_load_bands_share_out_all_vehicle_km() -> None:
    found = report(AROUND)
    total = next(item for item in found["sums"] if item["key"] == "vehicle_km")
    assert sum(found["load"]["base_km"]) == pytest.approx(total["base"])
    assert sum(found["load"]["scenario_km"]) == pytest.approx(total["scenario"])


def test_emissions_come_from_the_table_with_label_and_error(tmp_path: Path) -> None:
    file = tmp_path / "factors.csv"
    file.write_text(TABLE, encoding="utf-8")
    found = report(replace(AROUND, emissions=read_emission_tables(file)))
    (row,) = found["emissions"]["rows"]
    assert (row["pollutant"], row["largest_fitting_error"]) == ("CO2", 0.2)
    assert row["scenario"] > row["base"] > 0.0, "the long bridge is longer and fuller"
    for language, said in (("de", "nach HBEFA 4"), ("en", "HBEFA-4-based model")):
        assert said in report_text(found, language=language, names={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pollutant,class\n", "lacks the columns"),
        (TABLE.replace("300", "-3"), "row 2"),
        (TABLE.replace("CO2,car,60", "CO2,car,50"), "each speed once"),
        (TABLE.splitlines()[0] + "\n", "no row"),
    ],
)
def test_a_table_of_factors_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "factors.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        read_emission_tables(file)


def test_what_surrounds_a_base_is_part_of_the_question() -> None:
    bare, known = TrafficBase(NETWORK, DEMAND, STATE), TrafficBase(NETWORK, DEMAND, STATE, AROUND)
    assert bare.content_hash() != known.content_hash()
    kept = unpack(pack(known), TrafficBase)
    assert kept.content_hash() == known.content_hash()
    assert kept.surroundings.places == (STATION,)


def test_a_base_that_was_stored_before_has_no_surroundings() -> None:
    with np.load(io.BytesIO(pack(TrafficBase(NETWORK, DEMAND, STATE)))) as file:
        members = {name: file[name] for name in file.files if not name.startswith("surroundings")}
    document = json.loads(members["document"].tobytes())
    del document["surroundings"]
    members["document"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    old = unpack(buffer.getvalue(), TrafficBase)
    assert old.surroundings.places == ()
    assert old.content_hash() == TrafficBase(NETWORK, DEMAND, STATE).content_hash()


def test_a_station_stands_at_the_nearest_junction_and_never_far_from_all() -> None:
    network = replace(NETWORK, x_m=NETWORK.x_m + 410_000.0, y_m=NETWORK.y_m + 5_656_000.0)

    def town(longitude: float) -> City:
        made = Provenance("estimated", by="drawn by hand")
        place = Point(longitude, 51.0495)
        return City("Town", assets=(Asset("F1", "fire_station", "Wache", place, made),))

    (place,) = emergency_places(town(13.8013), network, crs="EPSG:25833")
    assert (place.node_id, place.asset_id) == (2, "F1")
    with pytest.raises(NetworkError, match="fire_station F1"):
        emergency_places(town(14.5), network, crs="EPSG:25833")
