"""Scenarios as files: checks, schema, round trip, hashes that stay as they were."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import ModelError, ScenarioError
from twin.model import scenarios
from twin.model.interventions import Intervention, Kind, ParameterValue, kinds, problems
from twin.model.scenario_schema import schema, schema_text
from twin.model.scenarios import Scenario, check, from_document, from_json, to_document, to_json

ROOT = Path(__file__).parents[2]
BEGIN = datetime(2026, 11, 23, 6, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
# Made before interventions had a validity.
OLD_HASH = "5800072d02e96ca91e27f5f75eacf81de5f348645063feb96083ca49b47ab7a8"
TURN = "a turn needs two targets, the link before and the link behind; there is 1"


def example(kind: Kind, *, everything: bool = True) -> Intervention:
    """A sound intervention of a kind, with every parameter or the required ones."""
    parameters: dict[str, ParameterValue] = {}
    for name, item in kind.parameters.items():
        if not item.required and (not everything or name in ("origins", "destinations")):
            continue
        if item.type in ("number", "whole"):
            parameters[name] = 1.0 if item.type == "number" else 1
        elif item.type in ("classes", "zones"):
            parameters[name] = ("bus", "emergency")
        else:
            parameters[name] = item.choices[0] if item.choices else "text"
    targets = ("L1/ab", "L1/ba", "L2/ab")[: int(min(kind.most_targets, 2))]
    return Intervention(kind.key, targets, parameters, valid_from=BEGIN, valid_until=END)


def test_the_published_schema_is_the_one_the_tables_make() -> None:
    published = ROOT / "docs" / "schemas" / "scenario.schema.json"
    assert published.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.key)
def test_every_kind_survives_a_round_trip_through_its_file(kind: Kind) -> None:
    for everything in (True, False):
        scenario = Scenario("n", "today", (example(kind, everything=everything),), at=BEGIN)
        check(scenario)
        assert from_json(to_json(scenario)) == scenario
        assert from_document(to_document(scenario)) == scenario


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.key)
def test_what_the_schema_requires_is_what_the_reader_requires(kind: Kind) -> None:
    document = to_document(Scenario("n", "b", (example(kind, everything=False),)))
    definitions = schema()["$defs"]
    assert isinstance(definitions, dict)
    rules = definitions[kind.key]["properties"]["parameters"]
    assert set(rules["properties"]) == set(kind.parameters)
    assert rules["required"] == [item.name for item in kind.parameters.values() if item.required]
    for name in rules["required"]:
        broken = json.loads(json.dumps(document))
        del broken["interventions"][0]["parameters"][name]
        with pytest.raises(ScenarioError, match=f"{name} is missing"):
            from_json(json.dumps(broken))


def test_all_problems_of_a_file_are_named_at_once() -> None:
    scenario = Scenario(
        "n",
        "b",
        (
            Intervention("close_lnk", ("1",)),
            Intervention("limit_weight", (), {"mass_t": -1.0, "mas_t": 3.0}),
            Intervention("capacity_factor", ("1",), {"factor": -0.5}),
            Intervention("speed", ("1",), {"speed_kmh": 0.0}),
            Intervention("turn_ban", ("1",)),
        ),
    )
    with pytest.raises(ScenarioError) as caught:
        check(scenario)
    assert caught.value.problems == (
        "intervention 1 (close_lnk): unknown kind 'close_lnk'; did you mean 'close_link'?",
        "intervention 2 (limit_weight): it has no target; name at least one link or asset",
        "intervention 2 (limit_weight): unknown parameter 'mas_t'; did you mean 'mass_t'?",
        "intervention 2 (limit_weight): mass_t is -1; it must be greater than 0",
        "intervention 3 (capacity_factor): factor is -0.5; it must be at least 0",
        "intervention 4 (speed): speed_kmh is 0; it must be at least 1",
        f"intervention 5 (turn_ban): {TURN}",
    )
    assert str(caught.value).count("\n") == 6


@pytest.mark.parametrize(
    ("kind", "targets", "parameters", "words"),
    [
        ("limit_weight", ("B",), {"mass_t": float("nan")}, "finite"),
        ("limit_weight", ("B",), {"mass_t": 10**400}, "finite"),
        ("limit_weight", ("B",), {"mass_t": "3"}, "must be a number"),
        ("limit_weight", ("B",), {"mass_t": True}, "must be a number"),
        ("limit_weight", ("B",), {"mass_t": 3.0, "obey_share": 1.5}, "at most 1"),
        ("close_lane", ("B",), {"lanes": 1.5}, "whole number"),
        ("class_ban", ("B",), {"classes": "bus"}, "must be a list"),
        ("class_ban", ("B",), {"classes": ("bus", "bus")}, "twice"),
        ("class_ban", ("B",), {"classes": (1,)}, "no name"),
        ("close_direction", ("B",), {"direction": "up"}, "use one of n, ne"),
        ("close_direction", ("B",), {"direction": 3.0}, "must be a text"),
        ("close_link", ("B", "B"), {}, "named twice"),
        ("close_link", ("",), {}, "characters"),
        ("close_link", ("B",), {"lanes": 1}, "unknown parameter"),
        ("new_link", ("B",), {}, "takes no targets"),
        ("scale_demand", ("1",), {"factor": 1.0, "origins": ("2",)}, "do not go with origins"),
    ],
)
def test_a_wrong_intervention_says_what_is_wrong(
    kind: str, targets: tuple[str, ...], parameters: dict[str, ParameterValue], words: str
) -> None:
    assert any(words in problem for problem in problems(Intervention(kind, targets, parameters)))


def test_times_are_aware_and_in_order() -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 - the fault that is tested
    assert "aware UTC" in problems(Intervention("close_link", ("1",), valid_from=naive))[0]
    turned = Intervention("close_link", ("1",), valid_from=END, valid_until=BEGIN)
    assert problems(turned) == ("valid_until must lie after valid_from",)
    with pytest.raises(ScenarioError, match="at must be"):
        check(Scenario("n", "b", at=naive))


def test_validity_is_half_open() -> None:
    item = Intervention("close_link", ("1",), valid_from=BEGIN, valid_until=END)
    assert [item.is_valid(time) for time in (BEGIN, END, None)] == [True, False, True]


def test_a_time_with_an_offset_is_read_as_utc() -> None:
    text = json.dumps(
        {"name": "n", "base": "b", "interventions": [], "at": "2026-11-23T07:00+01:00"}
    )
    assert from_json(text).at == BEGIN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"name": 1, "interventions": {}}', "name is missing or no text"),
        ('{"name": "n", "base": "b", "interventions": [], "nme": 1}', "unknown field 'nme'"),
        ('{"name": "n", "name": "m"}', "occurs twice"),
        ('{"name": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "not usable JSON"),
        ('{"name": "n", "base": "b", "interventions": [3]}', "must be an object"),
        ('{"name": "n", "base": "b", "interventions": [{"targets": [1]}]}', "list of texts"),
        ('{"name": "n", "base": "b", "at": "2026-11-23T06:00", "interventions": []}', "offset"),
        ('{"name": "n", "base": "b", "at": 5, "interventions": []}', "offset"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        from_json(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "base", "at", "interventions", "kind", "targets"])
                | st.text(max_size=4),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_scenario_or_a_typed_error(value: object) -> None:
    try:
        scenario = from_json(json.dumps(value))
    except ModelError:
        return
    assert from_json(to_json(scenario)) == scenario


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_a_typed_error(text: str) -> None:
    with suppress(ScenarioError):
        from_json(text)


def test_documents_and_hashes_of_earlier_versions_stay() -> None:
    scenario = Scenario(
        "close", "today", (Intervention("limit_mass", ("L050/ab",), {"mass_t": 16.0}),)
    )
    stored = {
        "name": "close",
        "base": "today",
        "interventions": [
            {"kind": "limit_mass", "targets": ["L050/ab"], "parameters": {"mass_t": 16.0}}
        ],
    }
    assert to_document(scenario) == stored
    assert from_document(stored) == scenario
    assert scenario.input_hash(engine="e", version="1", seed=0) == OLD_HASH


def test_times_change_the_question_and_the_order_of_fields_does_not() -> None:
    close = Intervention("close_link", ("1",))
    later = Intervention("close_link", ("1",), valid_from=BEGIN)
    hashes = {
        scenario.input_hash(engine="e", version="1", seed=0)
        for scenario in (
            Scenario("a", "b", (close,)),
            Scenario("a", "b", (later,)),
            Scenario("a", "b", (later,), at=BEGIN),
        )
    }
    assert len(hashes) == 3


def _refused(document: object) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        from_json(json.dumps(document))
    return caught.value.problems


def test_many_problems_are_said_up_to_a_hundred() -> None:
    wrong = [{"kind": "close_lnk", "targets": ["1"]}] * 500
    found = _refused({"name": "n", "base": "b", "interventions": wrong})
    assert (len(found), found[-1]) == (101, "and more; mend these first")
    parameters = {f"p{number}": 1 for number in range(50_000)}
    item = {"kind": "class_ban", "targets": ["1"], "parameters": parameters}
    found = _refused({"name": "n", "base": "b", "interventions": [item]})
    assert "and 49990 more unknown parameters" in found[-2]
    many = {"kind": "close_link", "targets": [str(number) for number in range(10_001)]}
    assert "10001 targets" in _refused({"name": "n", "base": "b", "interventions": [many]})[0]


class _CountedList(list[tuple[str, object]]):
    """Pairs of an object that count how often they are gone through."""

    passes = 0

    def __iter__(self) -> Iterator[tuple[str, object]]:
        self.passes += 1
        return super().__iter__()


def test_a_double_key_is_found_in_one_pass_over_the_keys() -> None:
    pairs = _CountedList((f"k{number}", 0) for number in range(200_000))
    pairs.append(("k199999", 0))
    with pytest.raises(ValueError, match="'k199999' occurs twice"):
        scenarios._unique(pairs)
    assert pairs.passes <= 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "n" * 201}, "name has 201 characters"),
        ({"base": "b" * 101}, "base has 101 characters"),
        ({"name": "a\ud800"}, "half a surrogate pair"),
        ({"name": "a\x1b[2J"}, "control characters"),
        ({"interventions": [{"kind": "close_link", "targets": ["a\x9b"]}]}, "no text"),
    ],
)
def test_texts_have_bounds_and_hold_nothing_that_steers_a_terminal(
    change: dict[str, object], words: str
) -> None:
    closed = [{"kind": "close_link", "targets": ["1"]}]
    sound: dict[str, object] = {"name": "n", "base": "b", "interventions": closed}
    assert words in _refused({**sound, **change})[0]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("capacity_factor", {"factor": 0}),
        ("capacity_factor", {"factor": 1e300}),
        ("toll", {"toll_eur": 1e308}),
        ("speed", {"speed_kmh": 1e-300}),
        ("scale_demand", {"factor": 1e9}),
    ],
)
def test_numbers_that_no_street_has_are_refused(kind: str, parameters: dict[str, float]) -> None:
    targets = [] if kind == "scale_demand" else ["1"]
    item = {"kind": kind, "targets": targets, "parameters": parameters}
    (problem,) = _refused({"name": "n", "base": "b", "interventions": [item]})
    assert next(iter(parameters)) in problem
