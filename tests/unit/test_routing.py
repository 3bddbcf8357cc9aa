"""Topics find their rule, rules are checked in words, filters subscribe what is needed."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sensors.checks import check
from sensors.routing import Router, StreamTable, check_rules, parse_template, subscriptions
from twin.errors import SettingsError
from twin.model.datastreams import Datastream
from twin.model.messages import CodecRule, TimeRule, ValueRule
from twin.model.quality import Quality
from twin.plugins import find
from twin.settings import CitySettings, CodecSettings, Settings


def rule(topic: str, source: str = "s", **changes: object) -> CodecRule:
    return replace(CodecRule(topic, "own", source), **changes)  # pyrefly: ignore[bad-argument-type]


def test_names_of_a_template_take_one_level_each() -> None:
    route = Router([rule("city/{site}/klima/{device}")]).route("city/nord/klima/k1")
    assert route is not None
    assert dict(route.names) == {"site": "nord", "device": "k1"}


@pytest.mark.parametrize("topic", ["city/nord", "city/nord/klima/k1/x", "city//klima/k1", "x", ""])
def test_a_topic_that_fits_no_rule_has_no_route(topic: str) -> None:
    assert Router([rule("city/{site}/klima/{device}")]).route(topic) is None


def test_an_open_template_takes_everything_below() -> None:
    router = Router([rule("city/{site}/#")])
    assert router.route("city/nord") is not None
    assert router.route("city/nord/a/b") is not None
    assert router.route("town/nord") is None


def test_f_map_1_the_rule_with_more_literal_levels_wins() -> None:
    router = Router([rule("a/{b}/{c}", "wide"), rule("a/x/{c}", "narrow"), rule("#", "open")])
    found = {topic: router.route(topic) for topic in ("a/x/1", "a/y/1", "a/y/1/2")}
    assert {topic: one.rule.source for topic, one in found.items() if one is not None} == {
        "a/x/1": "narrow",
        "a/y/1": "wide",
        "a/y/1/2": "open",
    }


def test_f_map_1_a_tie_is_a_settings_error_that_names_both_rules() -> None:
    rules = [rule("a/{b}/c/{d}"), rule("a/b/{c}/{d}")]
    with pytest.raises(SettingsError, match=r"a/\{b\}/c/\{d\}.*a/b/\{c\}/\{d\}"):
        Router(rules)
    assert len(check_rules(rules)) == 1


@pytest.mark.parametrize(
    "topic", ["", "a/+/b", "a/#/b", "a/{b}c", "a/{b}/{b}", "a/{1}", "a/" * 40, "{" * 10]
)
def test_a_broken_template_is_named(topic: str) -> None:
    with pytest.raises(SettingsError, match="topic"):
        parse_template(topic)


def test_every_problem_of_a_rule_is_found_and_named() -> None:
    bad = CodecRule(
        topic="a/{site}",
        codec="json",
        source="",
        key="{town}/{/id}",
        time=TimeRule("t", unit="minutes", zone="Europe/Nowhere"),
        value=(ValueRule("/x", "strain", "kg"), ValueRule("/y", "weight", "kg")),
    )
    text = "\n".join(check_rules([bad]))
    for part in ("source", "'town'", "minutes", "Europe/Nowhere", "'kg'", "'weight'", "path 't'"):
        assert part in text
    assert check_rules([rule("twin/v1/{tenant}/{asset}/{stream}/obs")]) == []


def test_twin_check_names_a_codec_that_is_not_installed() -> None:
    settings = Settings(
        city=CitySettings("X", "EPSG:25833", (13.0, 51.0, 14.0, 52.0)),
        folder=__file__,  # pyrefly: ignore[bad-argument-type]
        codec=CodecSettings((CodecRule("a/b", "jsn", "s"),)),
    )
    (problem,) = check(settings)
    assert "'jsn'" in problem
    assert "json" in problem


def test_filters_are_wide_below_a_literal_prefix_of_our_own_and_narrow_elsewhere() -> None:
    rules = [
        rule("twin/v1/{tenant}/{asset}/{stream}/obs"),
        rule("twin/v1/{tenant}/{asset}/{stream}/wave"),
        rule("v3/{app}/devices/{device}/up"),
        rule("plain/topic/x"),
        rule("open/{a}/#"),
    ]
    assert subscriptions(rules) == (
        "open/+/#",
        "plain/topic/x",
        "twin/v1/#",
        "v3/+/devices/+/up",
    )


@given(levels=st.lists(st.text(max_size=5), max_size=8))
def test_any_topic_has_a_route_or_none(levels: list[str]) -> None:
    router = Router([rule("a/{b}/#"), rule("{x}/d/c/e"), rule("#")])
    for _ in range(2):
        router.route("/".join(levels))


def test_a_datastream_is_found_by_source_and_route_key() -> None:
    stream = Datastream(
        "u", "n", "B1", None, "strain", "s", "left", "B1/eps#/a", "simulated", number=7
    )
    table = StreamTable([stream, replace(stream, number=None, route_key="B2/eps")])
    found = table.find("left", "B1/eps#/a")
    assert found is not None
    assert (found.number, found.flags, found.late_after_s) == (7, Quality.SIMULATED, 600.0)
    assert table.find("right", "B1/eps#/a") is None
    assert table.knows_device("left", "B1/eps")
    assert not table.knows_device("left", "B2/eps")


def test_every_installed_codec_is_described_in_the_documentation() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "codecs.md").read_text("utf-8")
    for name in find("codecs"):
        assert f"| `{name}` |" in text
        assert f"## `{name}`" in text


def test_the_example_rules_of_the_documentation_have_no_problem() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "codecs.md").read_text("utf-8")
    examples = [part.split("```")[0] for part in text.split("```toml\n")[1:]]
    given = [tomllib.loads(example).get("codec", {}).get("rule", ()) for example in examples]
    assert sum(map(bool, given)) >= 9
    for rules in given:
        assert check_rules(TypeAdapter(tuple[CodecRule, ...]).validate_python(rules)) == []
