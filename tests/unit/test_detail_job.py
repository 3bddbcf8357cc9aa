"""What ``twin detail`` prints, and what it refuses before anything runs."""

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from detail_samples import grid

from simulations.detailing import (
    document,
    links_of,
    spillback_document,
    spillback_table,
    table,
)
from twin.errors import DetailError
from twin.model.detail import DetailResult, ReviewItem, SeedRun, SpillbackResult
from twin.model.network import LinkAssets


def found() -> DetailResult:
    runs = tuple(SeedRun(seed, 50, 40, 4, 3, 3, 1, 12.0, 1.0, 0.5) for seed in range(1, 6))
    column = np.arange(10.0).reshape(5, 2)
    speed = np.where(column > 8.0, np.nan, 30.0)
    speed[:, 1] = np.nan
    return DetailResult(
        link_id=np.array([100, 101]),
        static_flow_vehh=np.array([500.0, 600.0]),
        static_speed_kmh=np.array([45.0, np.inf]),
        flow_vehh=column,
        speed_kmh=speed,
        time_loss_s=column,
        queue_veh=column,
        longest_queue_veh=column,
        runs=runs,
        step_length_s=1.0,
        period_s=3600.0,
        versions=MappingProxyType({"sumo": "SUMO 1.28.0"}),
        review=(ReviewItem("signal", 4, "signal", "guessed"),),
        assumptions=("the same routes",),
        warnings=("seed 1: look closer",),
    )


def test_the_table_shows_spread_counts_review_and_assumptions() -> None:
    text = table(found(), {100: "L050/ab"})
    assert "SUMO 1.28.0, step 1.0 s; mean of seeds 1, 2, 3, 4, 5 (range)" in text
    assert "4 (0 to 8)" in text
    assert "L050/ab" in text
    assert "none" in text
    assert "seed 5: of 50 vehicles 40 arrived, 4 stranded, 3 never got in" in text
    assert "to review: 1 signal" in text
    assert "Warnings:\n  - seed 1: look closer" in text
    assert text.endswith("Assumptions:\n  - the same routes")


def test_the_table_speaks_german() -> None:
    text = table(found(), {100: "L050/ab"}, language="de")
    assert "Mittel der Startwerte 1, 2, 3, 4, 5 (Spanne)" in text
    assert "Startwert 5: von 50 Fahrzeugen 40 angekommen" in text
    assert "zu prüfen: 1 Signal" in text
    assert "Annahmen:" in text


def test_the_document_is_plain_json_and_has_no_nan() -> None:
    content = document(found())
    again = json.loads(json.dumps(content, allow_nan=False))
    assert again["simulated"]["speed_kmh"]["mean"] == [30.0, None]
    assert again["static"]["speed_kmh"] == [45.0, None]
    assert again["runs"][0]["stranded"] == 4
    assert again["review"][0]["id"] == 4


def test_links_are_found_by_bridge_or_id() -> None:
    assets = LinkAssets(np.array([103, 102]), ("bridge", "bridge"), np.zeros(2), np.ones(2))
    network = replace(grid(3), link_assets=assets)
    assert links_of(network, "bridge").tolist() == [102, 103]
    assert links_of(network, "110").tolist() == [110]
    with pytest.raises(DetailError, match="name one of bridge"):
        links_of(network, "brigde-9")


def test_spillback_names_only_links_that_are_full_with_every_size() -> None:
    result = SpillbackResult(
        link_id=np.array([100, 101, 102]),
        platoons=(5, 10),
        queue_veh=np.ones((2, 3)),
        longest_queue_veh=np.full((2, 3), 20.0),
        full_s=np.array([[60.0, 0.0, 120.0], [60.0, 60.0, 180.0]]),
        platoon_spread=0.25,
        vehicles=(100, 100),
        arrived=(90, 90),
        seed=1,
        period_s=3600.0,
        versions=MappingProxyType({"uxsim": "1.15.1 (C++)"}),
        assumptions=("queues",),
        warnings=(),
    )
    text = spillback_table(result, {100: "a", 101: "b", 102: "c"})
    assert "2 of 3 streets" in text
    assert "differ by 25%" in text
    assert text.index("\nc ") < text.index("\na ")
    assert "\nb " not in text
    assert json.dumps(spillback_document(result), allow_nan=False)
