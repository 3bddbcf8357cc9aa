"""The parts of the bridge benchmark that need no other programme."""

from bench.bench_bridge import line, table
from bench.bridge_rows import Row, in_turn


def test_a_row_is_met_by_its_ratio_and_its_time() -> None:
    assert Row("rainflow", 0.002, "peer 1.0", 0.1, 50.0).is_met
    assert not Row("rainflow", 0.003, "peer 1.0", 0.1, 50.0).is_met
    assert Row("a day", 20.0, most_s=30.0).is_met
    assert not Row("a day", 31.0, most_s=30.0).is_met
    assert Row("no bar", 1.0).is_met


def test_a_missed_row_is_written_as_missed() -> None:
    assert "**missed**" in line(Row("a day", 31.0, most_s=30.0))
    text = table([Row("rainflow", 0.002, "peer 1.0", 0.1, 50.0, accuracy="same cycles")])
    assert "| 50 | ≥ 50 | met | same cycles |" in text
    assert len({row.count("|") for row in text.splitlines()}) == 1


def test_sides_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    times = iter([9.0, 1.0, 9.0, 2.0, 3.0, 4.0, 5.0, 6.0])

    def side(name: str) -> float:
        order.append(name)
        return next(times)

    found = in_turn(3, (lambda: side("ours"), lambda: side("peer")))
    assert order == ["ours", "peer"] * 4
    assert found == [5.0, 4.0]
