"""Reading trip matrices in the Open Matrix format."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from twin.errors import DecodeError, DemandError
from twin.exchange.omx import demand_of, read_omx
from twin.model.traffic import VehicleClass

CARS = np.array([[0.0, 5.0, 1.5], [2.0, 0.0, 0.0], [0.0, 7.0, 3.0]])
ZONES = np.array([7, 9, 4])


def written(file: Path, *, shape: tuple[int, ...] = (3, 3), **matrices: np.ndarray) -> Path:
    with h5py.File(file, "w") as content:
        content.attrs["OMX_VERSION"] = b"0.2"
        content.attrs["SHAPE"] = np.array(shape)
        for name, matrix in matrices.items():
            content.create_dataset(f"data/{name}", data=matrix)
        content.create_dataset("lookup/zone", data=ZONES)
    return file


def test_matrices_and_zone_numbers_are_read_by_name(tmp_path: Path) -> None:
    found = read_omx(written(tmp_path / "a.omx", car=CARS, lorry=CARS.astype("i4")), names=["car"])
    assert list(found.matrices) == ["car"]
    assert np.array_equal(found.matrices["car"], CARS)
    assert found.mappings["zone"].tolist() == [7, 9, 4]


def test_cells_become_trips_of_their_class_between_their_zones(tmp_path: Path) -> None:
    found = read_omx(written(tmp_path / "a.omx", car=CARS, lorry=2.0 * CARS))
    classes = {"lorry": VehicleClass("heavy", bit=1), "car": VehicleClass("car", bit=0)}
    demand = demand_of(found.matrices, classes=classes, zones=found.mappings["zone"])
    assert [one.name for one in demand.classes] == ["heavy", "car"]
    assert demand.flow_vehh.sum() == pytest.approx(3.0 * CARS.sum())
    of_cars = demand.class_index == 1
    assert demand.origin[of_cars].tolist() == [7, 7, 9, 4, 4]
    assert demand.destination[of_cars].tolist() == [9, 4, 7, 9, 4]


@pytest.mark.parametrize(
    ("matrix", "shape", "message"),
    [
        (np.ones((3, 2)), (3, 2), "must be square, has shape (3, 2)"),
        (np.ones((2, 2)), (3, 3), "has shape (2, 2), the file states (3, 3)"),
        (np.array([[b"x"]]), (1, 1), "not numbers"),
    ],
)
def test_a_matrix_of_another_kind_or_size_is_refused(
    tmp_path: Path, matrix: np.ndarray, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(DecodeError) as error:
        read_omx(written(tmp_path / "a.omx", shape=shape, car=matrix))
    assert message in str(error.value)


def test_an_unknown_matrix_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"no matrix lorry; it has \['car'\]"):
        read_omx(written(tmp_path / "a.omx", car=CARS), names=["lorry"])


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.omx"
    file.write_bytes(b"no HDF5")
    with pytest.raises(DecodeError, match="cannot be read as OMX"):
        read_omx(file)
    with h5py.File(file, "w") as content:
        content.create_dataset("other", data=CARS)
    with pytest.raises(DecodeError, match="no group 'data'"):
        read_omx(file)


def test_all_that_is_wrong_with_matrices_is_told_at_once() -> None:
    classes = {name: VehicleClass(name, bit=0) for name in ("a", "b", "c")}
    bad = CARS.copy()
    bad[1, 2], bad[2, 2] = -1.0, np.nan
    with pytest.raises(DemandError) as error:
        demand_of({"a": bad, "b": CARS[:2, :2]}, classes=classes, zones=ZONES)
    text = str(error.value)
    assert "'a' has 2 negative or missing values, the first in row 1, column 2: -1" in text
    assert "'b' has shape (2, 2), there are 3 zones" in text
    assert "'c' is missing" in text
