"""Dataclasses of columns as npz bytes and back."""

import io
import json
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from twin.errors import ModelError
from twin.model.network import Turns
from twin.model.packing import pack, pack_columns, unpack, unpack_columns
from twin.model.traffic import Demand, VehicleClass

CARS = VehicleClass("car", 0)
LORRIES = VehicleClass("lorry", 1, pce=2.0, vmax_kmh=80, mass_to_t=26.0)


def _demand() -> Demand:
    return Demand(
        classes=(CARS, LORRIES),
        class_index=np.array([0, 1], np.uint8),
        origin=np.array([1, 2]),
        destination=np.array([2, 1]),
        flow_vehh=np.array([10.0, np.inf]),
        assumptions=("Verkehr wie 2018",),
    )


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        return one.dtype == other.dtype and np.array_equal(one, other)
    if is_dataclass(one):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return one == other


def test_a_demand_comes_back_as_it_was() -> None:
    demand = _demand()
    back = unpack(pack(demand), Demand)
    assert _same(demand, back)
    assert back.classes[0].vmax_kmh == np.inf
    assert back.content_hash() == demand.content_hash()
    assert not back.origin.flags.writeable
    assert pack(back) == pack(demand)


def test_any_tool_reads_the_columns_without_pickle() -> None:
    with np.load(io.BytesIO(pack(_demand())), allow_pickle=False) as archive:
        assert archive["flow_vehh"].tolist() == [10.0, np.inf]
        document = json.loads(archive["document"].tobytes())
    assert document["period"]["day_type"] == "workday"


@dataclass(frozen=True)
class Mixed:
    table: NDArray[np.float64] | None = None
    turns: tuple[Turns, ...] = ()
    figures: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    pair: tuple[str, int] = ("a", 1)


def test_optional_columns_nested_tables_and_mappings_come_back() -> None:
    mixed = Mixed(np.zeros((2, 3)), (Turns(), Turns(np.array([7]))), MappingProxyType({"x": 1.5}))
    back = unpack(pack(mixed), Mixed)
    assert back.table is not None
    assert back.table.shape == (2, 3)
    assert back.turns[1].in_link.tolist() == [7]
    assert dict(back.figures) == {"x": 1.5}
    assert unpack(pack(Mixed()), Mixed).table is None


@pytest.mark.parametrize("content", [b"", b"PK", b"no npz at all", pack(_demand())[:-40]])
def test_damaged_bytes_are_an_error_that_says_what_to_do(content: bytes) -> None:
    with pytest.raises(ModelError, match="again"):
        unpack(content, Demand)


def test_bytes_of_another_class_or_version_are_refused() -> None:
    with pytest.raises(ModelError, match="unknown here"):
        unpack(pack(_demand()), Turns)
    columns = unpack_columns(pack(_demand()))
    columns["origin"] = np.array([1.0, 2.0])
    with pytest.raises(ModelError, match="origin holds float64"):
        unpack(pack_columns(columns), Demand)
    del columns["origin"]
    with pytest.raises(ModelError, match="origin"):
        unpack(pack_columns(columns), Demand)


def test_objects_are_never_stored() -> None:
    with pytest.raises(ModelError, match="figures"):
        pack(Mixed(figures=MappingProxyType({"x": object()})))  # pyrefly: ignore[bad-argument-type]


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        unpack(content, Demand)
