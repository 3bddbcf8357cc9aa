"""Interventions as sentences."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from twin.model.interventions import Intervention, kinds
from twin.model.scenario_words import sentence, sentences
from twin.model.scenarios import Scenario

BEGIN = datetime(2026, 11, 23, 6, tzinfo=UTC)
NAMES = {"B03": "Marienbrücke", "bus": "Busse", "B05": "Albertbrücke"}


def test_a_limit_with_exempt_classes_and_a_validity_reads_in_german() -> None:
    item = Intervention(
        "limit_weight",
        ("B03", "asset:B05"),
        {"mass_t": 7.5, "except_classes": ("bus", "emergency"), "obey_share": 0.9},
        valid_from=BEGIN,
    )
    text = sentence(item, language="de", names=NAMES, zone=ZoneInfo("Europe/Berlin"))
    assert text == (
        "Begrenzung der Gesamtmasse auf Marienbrücke und Albertbrücke auf 7,5 t, ausgenommen "
        "Busse und Einsatzfahrzeug (Einhaltung 0,9) ab 23.11.2026 07:00 CET."
    )


def test_a_closure_reads_in_english() -> None:
    item = Intervention(
        "close_direction", ("B03",), {"direction": "ne"}, valid_from=BEGIN, valid_until=BEGIN
    )
    assert sentence(item, language="en") == (
        "Close B03 towards the north-east from 2026-11-23 06:00 UTC until 2026-11-23 06:00 UTC."
    )


def test_turns_and_zones_are_named() -> None:
    scenario = Scenario(
        "s",
        "b",
        (
            Intervention("turn_ban", ("7", "link:9"), {"classes": ("hgv",)}),
            Intervention("scale_demand", ("Z1", "Z2"), {"factor": 1.1}),
            Intervention("scale_demand", (), {"factor": 2, "origins": ("Z1",)}),
        ),
    )
    assert sentences(scenario, language="en") == (
        "Ban the turn from 7 into 9 for hgv.",
        "Multiply the trips by 1.1 at Z1 and Z2.",
        "Multiply the trips by 2 from Z1.",
    )
    assert sentences(scenario, language="de")[1] == "Fahrten mal 1,1 an Z1 und Z2."


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("key", kinds())
def test_every_kind_has_a_sentence_without_gaps(key: str, language: str) -> None:
    kind = kinds()[key]
    parameters: dict[str, float | str | tuple[str, ...]] = {}
    for name, item in kind.parameters.items():
        if item.type in ("number", "whole"):
            parameters[name] = 3
        elif item.choices:
            parameters[name] = item.choices[0]
        else:
            parameters[name] = ("a",) if item.type in ("classes", "zones") else "a"
    text = sentence(Intervention(key, ("x", "y"), parameters), language=language)
    assert text.endswith(".")
    assert "{" not in text
    assert kind.label(language)
