"""The address and the view: both directions, for every state and every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.state import KINDS, LAYERS, Camera, Notice, Selected, ViewState, decode, encode
from twin.errors import ModelError


def rounded(low: float, high: float, decimals: int):
    return st.floats(low, high, allow_nan=False).map(lambda value: round(value, decimals) + 0.0)


cameras = st.builds(
    Camera,
    rounded(-90, 90, 5),
    rounded(-180, 180, 5),
    rounded(0, 24, 2),
    rounded(0, 85, 0),
    rounded(-180, 180, 0),
)
texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
states = st.builds(
    ViewState,
    lang=st.sampled_from([None, "de", "en"]),
    camera=st.none() | cameras,
    selection=st.lists(st.builds(Selected, st.sampled_from(KINDS), texts), max_size=20).map(tuple),
    layers=st.sets(st.sampled_from(LAYERS)).map(lambda s: tuple(k for k in LAYERS if k in s)),
    kpi=st.sampled_from(["speed", "flow"]),
    tab=st.sampled_from(["bridges", "roads", "streams"]),
    sort=st.sampled_from(["", "name", "-grade", "age"]),
    page=st.integers(1, 999_999),
    low=st.sampled_from(["auto", "on", "off"]),
    run=st.none() | st.integers(1, 10**17),
    compared=st.lists(st.integers(1, 10**6), max_size=3, unique=True).map(tuple),
    role=st.sampled_from(["", "target", "detour", "relieved", "unchanged"]),
    show=st.sampled_from(["diff", "split", "swipe"]),
    value=st.sampled_from(["flow", "heavy", "time", "saturation"]),
    links=st.sampled_from(["changed", "all"]),
    order=st.sampled_from(["", "name", "-change"]),
    rows=st.integers(1, 999_999),
    scenario=st.from_regex(r"[A-Za-z0-9_-]{0,60}", fullmatch=True),
    bridge=st.just("") | texts,
    source=st.none() | st.integers(1, 10**17),
    words=st.just("") | texts,
    status=st.sampled_from(["", "done", "failed"]),
)


@given(states)
def test_a_decoded_address_is_the_state_that_wrote_it(state):
    assert decode(encode(state)) == (state, ())


@given(states)
def test_equal_states_have_equal_addresses_however_the_keys_are_ordered(state):
    shuffled = "&".join(reversed(encode(state).split("&")))
    selection_order = tuple(reversed(state.selection))
    assert decode(shuffled)[0].selection == selection_order
    assert encode(decode(encode(state))[0]) == encode(state)


@given(st.text(max_size=300))
def test_any_text_decodes_without_an_error(text):
    state, _ = decode(text)
    assert decode(encode(state)) == (state, ())


def test_defaults_are_left_out():
    assert encode(ViewState()) == ""


@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ("?colour=red", Notice("notice.unknown_key", "colour")),
        ("?map=1,2", Notice("notice.bad_value", "map=1,2")),
        ("?map=nan,0,0,0,0", Notice("notice.bad_value", "map=nan,0,0,0,0")),
        ("?map=99,0,0,0,0", Notice("notice.bad_value", "map=99,0,0,0,0")),
        ("?sel=ship:1", Notice("notice.bad_value", "sel=ship:1")),
        ("?layers=roads,tunnels", Notice("notice.bad_value", "layers=roads,tunnels")),
        ("?lang=fr", Notice("notice.bad_value", "lang=fr")),
        ("?page=0", Notice("notice.bad_value", "page=0")),
        ("?run=x", Notice("notice.bad_value", "run=x")),
        ("?cmp=1,2,3,4", Notice("notice.bad_value", "cmp=1,2,3,4")),
        ("?role=king", Notice("notice.bad_value", "role=king")),
        ("?scenario=%3C", Notice("notice.bad_value", "scenario=<")),
        ("?from=x", Notice("notice.bad_value", "from=x")),
        ("?status=lost", Notice("notice.bad_value", "status=lost")),
        ("?v=2", Notice("notice.newer_version", "v=2")),
        ("?v=x", Notice("notice.bad_value", "v=x")),
    ],
)
def test_what_is_not_possible_is_left_out_and_said(query, notice):
    assert decode(query) == (ViewState(), (notice,))


def test_the_addresses_of_version_one_stay_readable():
    frozen = (
        "v=1&lang=en&map=51.05400,13.74000,12.30,35,0&sel=bridge%3AB06&sel=stream%3AB06-strain"
        "&layers=roads,bridges&kpi=flow&tab=roads&sort=-speed&page=2&low=on"
    )
    assert decode(frozen)[0] == ViewState(
        lang="en",
        camera=Camera(51.054, 13.74, 12.3, 35.0, 0.0),
        selection=(Selected("bridge", "B06"), Selected("stream", "B06-strain")),
        layers=("roads", "bridges"),
        kpi="flow",
        tab="roads",
        sort="-speed",
        page=2,
        low="on",
    )


def test_at_most_twenty_features_are_selected():
    query = "&".join(f"sel=road:{n}" for n in range(30))
    state, notices = decode(query)
    assert len(state.selection) == 20
    assert len(notices) == 10


def test_a_state_that_cannot_be_written_cannot_be_made():
    with pytest.raises(ModelError):
        Camera(51.0000001, 13.0, 12.0)
    with pytest.raises(ModelError):
        ViewState(layers=("bridges", "roads"))
