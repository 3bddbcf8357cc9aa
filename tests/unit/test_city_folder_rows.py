"""Every kind of bad row in the tables of a city folder is named with value and remedy."""

from pathlib import Path

import pytest
from small_town import append, problems, write_town


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_town(tmp_path)


BAD_ROWS = [
    ("attributes.csv", "B1,depth_m,nan,m,sourced,1,", ("value 'nan' is not finite; "
     "leave the cell empty if it is unknown")),
    ("attributes.csv", 'B1,depth_m,"1,5",m,sourced,1,', ("value '1,5' is not a number; "
     "use a decimal point")),
    ("attributes.csv", "B1,depth_m,deep,m,sourced,1,", ("value 'deep' is not a number; "
     "write a plain number")),
    ("attributes.csv", "B1,depth_m,,m,sourced,1,", "value is empty; fill it in"),
    ("attributes.csv", "B1,depth_m,2,ft,sourced,1,", ("unit 'ft' is unknown; did you mean 't'?; "
     "leave it empty for a text")),
    ("attributes.csv", "B1,depth_m,2,m,guessed,1,", ("provenance 'guessed' is unknown; "
     "known: derived, estimated, measured, simulated, sourced")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,,", ("a sourced value cites no reference; "
     "fill in references")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,7,", ("reference '7' is not defined in "
     "references.csv; known: 1")),
    ("attributes.csv", "B1,depth_m,2,m,estimated,,", ("estimated without a reason; "
     "say in note how the value came about")),
    ("attributes.csv", "B9,depth_m,2,m,sourced,1,", ("asset 'B9' is not defined; "
     "known: B1, R1")),
    ("attributes.csv", "B1,Depth m,2,m,sourced,1,", ("attribute 'Depth m' is not a name; "
     "use small letters, digits and _, for example width_m")),
    ("attributes.csv", "B1,width_m,2,m,sourced,1,", ("attribute id 'B1.width_m' is used already "
     "in attributes.csv: row 2; give each its own id")),
    ("attributes.csv", "B1,depth_m,2,m,sourced,1,a,b", ("has 8 fields and the header 7; "
     "put a text that contains a comma into quotation marks")),
    ("components.csv", "R1/x,R1,Teil,part,R1/z,,,,", ("parent 'R1/z' is not defined; "
     "did you mean 'R1/x'?")),
    ("components.csv", "R1/x,R1,Teil,part,B1/a,,,,", ("parent 'B1/a' belongs to asset 'B1', "
     "not to 'R1'; name a component of the same asset")),
    ("components.csv", "R1/x,R1,Teil,part,R1/x,,,,", ("component 'R1/x' is its own ancestor; "
     "correct parent 'R1/x'")),
    ("components.csv", "R1/x,R1,Teil,part,,inf,,,", ("station_m 'inf' is not finite; "
     "leave the cell empty if it is unknown")),
    ("components.csv", "R1/x,R1,Teil,part,,,,13.5,", ("only one of longitude and latitude; "
     "give both or none")),
    ("components.csv", "R1/x,R1,Teil,part,,,,50.5,13.5", ("longitude 50.5, latitude 13.5 lie "
     "outside city.extent [13, 50, 14, 51]; give degrees inside it")),
    ("components.csv", "B1/x,B1,Teil,part,,,forward,,", ("along 'forward' needs an asset that is "
     "a line, not a Point; leave it empty")),
    ("components.csv", "R1/ab,R1,Teil,part,,,,,", ("component id 'R1/ab' is used already in "
     "components.csv: row 4; give each its own id")),
    ("sensors.csv", "S1,Twice,x,simulated", ("sensor id 'S1' is used already in sensors.csv: "
     "row 2; give each its own id")),
    ("sensors.csv", "S2,Other,x,invented", ("provenance 'invented' is unknown; "
     "known: derived, estimated, measured, simulated, sourced")),
    ("references.csv", "2,,", "title is empty; fill it in"),
    ("datastreams.csv", "B1.x,n,,,strain,,,15,S1,demo,B1/x,simulated",
     "asset is empty; fill it in"),
    ("datastreams.csv", "B1.x,n,B7,,strain,,,15,S1,demo,B1/x,simulated",
     "asset 'B7' is not defined; known: B1, R1"),
    ("datastreams.csv", "B1.x,n,B1,,strian,,,15,S1,demo,B1/x,simulated",
     "quantity 'strian' is unknown; did you mean 'strain'?"),
    ("datastreams.csv", "B1.x,n,B1,B1/q,strain,,,15,S1,demo,B1/x,simulated",
     "component 'B1/q' is not defined; did you mean 'B1/a'?"),
    ("datastreams.csv", "B1.x,n,B1,R1/ab,strain,,,15,S1,demo,B1/x,simulated",
     "component 'R1/ab' belongs to asset 'R1', not to 'B1'; correct one of the two"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S9,demo,B1/x,simulated",
     "sensor 'S9' is not defined; known: S1"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,0,S1,demo,B1/x,simulated",
     "cadence_s 0 is not positive; leave it empty if event driven"),
    ("datastreams.csv", "B1.x,n,B1,,strain,bike,,15,S1,demo,B1/x,simulated",
     "vehicle_class 'bike' is unknown; known: all, car, heavy"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,burst,15,S1,demo,B1/x,simulated",
     "kind 'burst' is unknown; known: reading, waveform"),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S1,demo,B1/eps,simulated",
     ("source 'demo' and route_key 'B1/eps' lead to the datastream in datastreams.csv: row 2 "
     "already; give each datastream its own route_key")),
    ("datastreams.csv", "B1.x,n,B1,,strain,,,15,S1,,B1/x,simulated",
     "source is empty; fill it in"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row", "message"), BAD_ROWS)
def test_a_bad_row_is_named_with_value_and_remedy(folder, name, row, message):
    number = len((folder / name).read_text(encoding="utf-8").splitlines()) + 1
    append(folder, name, row)
    assert problems(folder) == [f"{name}: row {number}: {message}"]
