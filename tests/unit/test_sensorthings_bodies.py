"""What a client sends to create observations: read whole, or refused with a place and a remedy."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from town import settings

from sensors.sensorthings.addresses import steps_of
from sensors.sensorthings.bodies import (
    Asked,
    read_data_array,
    read_document,
    read_observation,
    target_of,
)
from sensors.sensorthings.conformance import CONFORMANCE, CREATION, claims
from sensors.sensorthings.problems import MalformedError, UnsupportedError
from sensors.sensorthings.writing import key_of

GOOD = {"phenomenonTime": "2026-11-23T00:00:00Z", "result": 4.5}
WORDS = ("Datastream", "@iot.id", "components", "dataArray", "phenomenonTime", "result")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_an_observation_names_its_datastream_in_the_address_or_the_body() -> None:
    linked = GOOD | {"Datastream": {"@iot.id": "a", "name": "of a client that has read it"}}
    assert read_observation(GOOD, "a") == read_observation(linked, None) == Asked("a", GOOD)
    assert json.loads(Asked("a", GOOD).payload) == GOOD | {"Datastream": {"@iot.id": "a"}}
    with pytest.raises(MalformedError, match="the body another one"):
        read_observation(linked, "b")
    with pytest.raises(MalformedError, match="Datastream: name it"):
        read_observation(GOOD, None)


def test_empty_members_are_left_out_and_what_is_not_kept_is_refused() -> None:
    assert read_observation(GOOD | {"resultTime": None, "validTime": None}, "a").members == GOOD
    with pytest.raises(MalformedError, match="parameters, validTime: not kept"):
        read_observation(GOOD | {"parameters": {}, "validTime": "x"}, "a")


def test_a_wrong_row_of_a_data_array_costs_that_row() -> None:
    array = {
        "Datastream": {"@iot.id": "a"},
        "components": ["phenomenonTime", "result", "FeatureOfInterest/id"],
        "dataArray": [
            [GOOD["phenomenonTime"], 4.5, "f"],
            [GOOD["phenomenonTime"], 4.5],
            [None] * 3,
        ],
    }
    first, second, third = read_data_array([array])
    assert first == Asked("a", GOOD, "f")
    assert "must hold 3 values" in str(second)
    assert "phenomenonTime, result: absent" in str(third)
    with pytest.raises(MalformedError, match="more than 1000 rows"):
        read_data_array([array | {"dataArray": [[]] * 1001}])
    with pytest.raises(MalformedError, match="not kept: id"):
        read_data_array([array | {"components": ["id"]}])


@given(VALUES)
def test_any_json_is_read_or_refused(document: object) -> None:
    for read in (read_data_array, lambda one: read_observation(one, None)):
        with suppress(MalformedError):
            read(document)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    with suppress(MalformedError):
        read_document(body)


def test_only_observations_are_created() -> None:
    assert target_of(steps_of("Observations")) is None
    assert target_of(steps_of("Datastreams('a/b')/Observations")) == "a/b"
    for path in ("", "Things", "Things('B1')/Datastreams", "Observations('a@1')", "$batch"):
        with pytest.raises(UnsupportedError, match="only Observations"):
            target_of(steps_of(path))


@pytest.mark.parametrize("header", ["Basic", "Basic ?", "Basic /w==", "Digest a", "Bearer"])
def test_a_header_without_a_key_gives_none(header: str) -> None:
    assert key_of(header) == ""


def test_a_city_without_broker_or_rules_claims_no_creation() -> None:
    document = claims(settings()).document()
    assert document == {"conformance": list(CONFORMANCE)}
    assert not CREATION.keys() & CONFORMANCE.keys()
