"""Values of the map of a run: zero exactly 127, nothing below the noise, closed links, bridges."""

import numpy as np
import pytest
from run_town import RunTown, run_town

from dashboards.deck.builder import Sight
from dashboards.deck.scenario import run_spec
from dashboards.i18n.translate import Texts
from dashboards.live.features import CityFeatures, read_features
from dashboards.live.quantise import MIDDLE, NO_VALUE, dequantise
from dashboards.live.table import decode_table
from dashboards.run_links import QUANTITIES, RunLinks, Sided, drawn, links_of, nice
from dashboards.run_map import RunMap, body, bridge_label, changed_rows, read_run_map
from dashboards.run_words import signed_text
from dashboards.state import ViewState
from dashboards.widgets.scenario_map_table import link_rows, link_table
from twin.errors import ModelError, RegistryError
from twin.model.packing import pack_columns
from twin.model.scenarios import Scenario

EN, DE = Texts("en"), Texts("de")
SIGHT = Sight(13.7, 51.05, 12.0)


@pytest.fixture(scope="module")
def case() -> RunTown:
    return run_town()


@pytest.fixture(scope="module")
def features(case: RunTown) -> CityFeatures:
    return read_features(case.town.twin)


@pytest.fixture(scope="module")
def shown(case: RunTown, features: CityFeatures) -> RunMap:
    return read_run_map(case.town.twin, case.run.id, features)


def sided(base, scenario, floor) -> Sided:
    one, two, least = (np.array(values, dtype=np.float64) for values in (base, scenario, floor))
    return Sided(one, two, least, np.abs(two - one) > least)


def links(**quantities: Sided) -> RunLinks:
    size = next(iter(quantities.values())).base.size
    return RunLinks(
        names=tuple(f"L{row}" for row in range(size)),
        time_s=np.zeros((2, size)),
        is_closed=np.zeros(size, np.bool_),
        is_unique=np.ones(size, np.bool_),
        classes={},
        quantities=quantities,
    )


def test_no_change_is_never_a_colour_and_small_ones_lie_beside_byte_127():
    flow = sided([100] * 5, [100, 150, 50, 101, 100.1], [10, 10, 10, 10, 0.05])
    found = links(flow=flow)
    scale = found.change_scale("flow")
    assert (scale.vmin, scale.vmax) == (-50.0, 50.0)
    assert found.codes("flow", "change").tolist() == [NO_VALUE, 254, 0, NO_VALUE, MIDDLE]
    assert dequantise(np.array([MIDDLE], np.uint8), scale).tolist() == [0.0]


def test_a_change_at_the_noise_is_not_drawn_and_one_above_it_is():
    flow = sided([100, 100], [110, 110.01], [10, 10])
    assert drawn(flow).tolist() == [False, True]


def test_both_sides_of_a_quantity_share_one_range():
    found = links(flow=sided([0, 500], [0, 900], [1, 1]))
    scale = found.magnitude("flow")
    assert (scale.vmin, scale.vmax) == (0.0, 1000.0)
    assert found.codes("flow", "base").tolist() == [0, 127]


@pytest.mark.parametrize(("value", "wanted"), [(1.0, 1.0), (1.1, 1.5), (740, 750), (0.021, 0.03)])
def test_ranges_end_at_round_numbers(value, wanted):
    assert nice(value) == wanted


def test_a_closure_is_closed_on_the_map_and_its_flow_is_gone(shown: RunMap):
    closed = np.array(shown.links.names)[shown.links.is_closed].tolist()
    assert closed == ["S1/ab", "S1/ba"]
    assert shown.links.quantities["flow"].scenario[shown.links.is_closed].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("key", QUANTITIES)
def test_every_channel_has_a_byte_for_each_road_and_decodes_to_the_column(
    key: str, shown: RunMap, features: CityFeatures
):
    for side, scale in (
        ("base", shown.links.magnitude(key)),
        ("change", shown.links.change_scale(key)),
    ):
        content = body(shown, f"{side}.{key}", features, EN)
        assert content is not None
        codes = np.asarray(decode_table(content).columns["value"], dtype=np.uint8)
        assert len(codes) == len(features.roads)
        values = getattr(shown.links.quantities[key], side)[shown.rows]
        known = (codes != NO_VALUE) & (np.abs(values) <= scale.vmax)
        error = np.abs(dequantise(codes, scale) - values)[known]
        assert error.max(initial=0.0) <= (scale.vmax - scale.vmin) / 508 + 1e-9


def test_tables_of_more_and_less_hold_the_changed_links_once(shown: RunMap, features: CityFeatures):
    rows = [set(changed_rows(shown, "flow", sign=sign).tolist()) for sign in (1, -1)]
    assert not rows[0] & rows[1]
    wanted = np.flatnonzero(drawn(shown.links.quantities["flow"])[shown.rows])
    assert rows[0] | rows[1] == set(wanted.tolist())
    content = body(shown, "less_far.flow", features, EN)
    assert content is not None
    assert set(np.asarray(decode_table(content).columns["feature"]).tolist()) == rows[1]


def test_heavy_vehicles_have_a_noise_of_their_own(shown: RunMap):
    heavy, flow = (shown.links.quantities[key] for key in ("heavy", "flow"))
    assert np.all(heavy.base <= flow.base + 1e-9)
    assert np.all(heavy.floor <= flow.floor + 1e-9)
    names = [name for name in shown.links.classes if name.startswith("hgv")]
    total = sum(shown.links.classes[name].scenario for name in names)
    assert np.allclose(heavy.scenario, total)


def test_tooltips_have_full_numbers_and_the_split_by_class(shown: RunMap, features: CityFeatures):
    content = body(shown, "facts.flow", features, DE)
    assert content is not None
    table = decode_table(content)
    row = [feature.id for feature in features.roads].index("S1/ab")
    flow = shown.links.quantities["flow"]
    assert table.columns["base"][row] == flow.base[shown.rows[row]]
    assert table.columns["state"][row] == "im Szenario gesperrt"
    assert table.columns["classes"][row].startswith("Pkw ")
    assert "\u2192 0" in table.columns["classes"][row]


def test_bridges_are_those_of_the_joint_analysis_or_of_the_plain_answer(
    shown: RunMap, features: CityFeatures
):
    plain = run_town(is_joint=False)
    other = read_run_map(plain.town.twin, plain.run.id, features)
    by_id = {bridge.id: bridge for bridge in other.bridges}
    assert len(by_id) == len(shown.bridges) == 3
    for one in shown.bridges:
        two = by_id[one.id]
        assert one.unit == two.unit == "/d"
        assert one.change == pytest.approx(two.change)
    label = bridge_label(shown.bridges[0], EN)
    assert label.startswith(
        f"{shown.bridges[0].name} {signed_text(shown.bridges[0].change, 0, EN)}"
    )


def test_the_largest_disc_is_the_largest_change(shown: RunMap, features: CityFeatures):
    content = body(shown, "run_bridges", features, EN)
    assert content is not None
    table = decode_table(content)
    changes = np.abs(table.columns["change"])
    assert int(np.argmax(table.columns["radius"])) == int(np.argmax(changes))


def test_every_table_and_channel_that_a_layer_names_can_be_fetched(
    shown: RunMap, features: CityFeatures
):
    for show in ("diff", "split", "swipe"):
        spec = run_spec(sight=SIGHT, show=show)
        sides = {layer.get("side", "") for layer in spec["layers"]}
        assert sides == ({""} if show == "diff" else {"", "left", "right"})
    for name in ("closed", "closed_before_far", "more.time", "less_far.heavy", "bridge_change"):
        assert body(shown, name, features, EN) is not None
    for name in ("", "flow", "more", "change.speed", "other.flow"):
        assert body(shown, name, features, EN) is None


def test_the_table_filters_by_noise_and_sorts_by_its_columns(shown: RunMap, features: CityFeatures):
    every = link_rows(shown, ViewState(links="all"), features, EN)
    above = link_rows(shown, ViewState(), features, EN)
    assert len(every) == len(shown.links.names) > len(above) > 0
    changes = [abs(row.change) for row in above]
    assert changes == sorted(changes, reverse=True)
    by_base = [row.base for row in link_rows(shown, ViewState(order="-base"), features, EN)]
    assert by_base == sorted(by_base, reverse=True)
    names = [row.name for row in link_rows(shown, ViewState(order="name"), features, EN)]
    assert names == sorted(names)
    assert link_table(shown, ViewState(rows=99), features, EN)


def test_a_run_without_links_or_of_another_version_says_so(case: RunTown, features: CityFeatures):
    with pytest.raises(RegistryError):
        read_run_map(case.town.twin, 99, features)
    old = pack_columns({"link_id": np.array([1])})
    with pytest.raises(ModelError, match="base_vehh"):
        links_of(old, None, Scenario("x", "today"))
