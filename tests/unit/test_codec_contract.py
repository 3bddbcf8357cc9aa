"""The contract kit finds what breaks the contract, and says it in a sentence."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sensors.cases import main, read_case
from sensors.codecs.contract import Case, problems
from twin.errors import SettingsError
from twin.model.messages import CodecContext, Message, Observation, Outcome, Rejection, rejected

EXAMPLE = Path(__file__).resolve().parents[1] / "example_codec" / "cases" / "two_values"
FEW = 50


class Lines:
    """A codec of one number per line, in which a test breaks one thing."""

    name = "lines"
    version = "1"

    def __init__(self, broken: Callable[[Message, Outcome], Outcome] = lambda _, good: good):
        self._broken = broken

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        if len(message.payload) > context.limits.payload_bytes:
            return rejected("too_large", "send less")
        items: list[Observation | Rejection] = []
        for line in message.payload.split(b"\n")[: context.limits.items]:
            if line.isdigit() and len(line) < 20:
                items.append(Observation("k", "", message.received_at, float(line)))
            else:
                items.append(Rejection("wrong_type", "no number"))
        return self._broken(message, Outcome(items))


def case() -> Case:
    _, read = read_case(EXAMPLE)
    told = {"key": "k", "path": "", "quantity": "", "time": "2026-06-15T08:30:00Z", "flags": []}
    return replace(
        read,
        message=replace(read.message, payload=b"1\n2"),
        values=2,
        expected={"observations": [{**told, "value": 1.0}, {**told, "value": 2.0}]},
        spoilt=b"1\nx\n2",
    )


def raising(_: Message, good: Outcome) -> Outcome:
    if len(good.items) == 1:
        raise ValueError("one line")
    return good


def all_or_nothing(_: Message, good: Outcome) -> Outcome:
    bad = tuple(one for one in good.items if isinstance(one, Rejection))
    return Outcome(bad) if bad else good


def with_reason(reason: str, detail: str) -> Callable[[Message, Outcome], Outcome]:
    def broken(_: Message, good: Outcome) -> Outcome:
        changed = [
            replace(one, reason=reason, detail=detail) if isinstance(one, Rejection) else one
            for one in good.items
        ]
        return Outcome(changed)

    return broken


def with_reading(**changes: Any) -> Callable[[Message, Outcome], Outcome]:
    def broken(_: Message, good: Outcome) -> Outcome:
        changed = [
            replace(one, **changes) if isinstance(one, Observation) else one for one in good.items
        ]
        return Outcome(changed)

    return broken


def counting() -> Callable[[Message, Outcome], Outcome]:
    calls = count()
    return lambda _, good: replace(good, state={"calls": next(calls)})


def test_a_codec_that_keeps_the_contract_has_no_problem() -> None:
    assert problems(Lines(), [case()], count=FEW) == []


def test_without_a_golden_case_nothing_is_proved() -> None:
    assert problems(Lines(), []) == ["codec 'lines' has no golden case; write one folder at least"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (raising, "raises ValueError: one line (F-COD-2)"),
        (all_or_nothing, "a bad item changes the observations beside it (F-COD-4)"),
        (lambda _, good: replace(good, items=good.items[:1]), "1 values of 2 (F-COD-5)"),
        (lambda _, good: replace(good, missing=1), "accounts for 3 values of 2 (F-COD-5)"),
        (counting(), "the same message gave another outcome (F-COD-1)"),
        (with_reason("no_such_reason", ""), "reason 'no_such_reason' is not in the table"),
        (with_reason("wrong_type", "a\0b"), "a detail with control characters"),
        (with_reading(value=float("nan")), "value nan is not finite (F-MIS-1)"),
        (with_reading(phenomenon_time=datetime(2026, 6, 15)), "is not in UTC"),  # noqa: DTZ001
        (with_reading(quality=1 << 7), "flags ['simulated'] are not for codecs (F-MIS-4)"),
        (with_reading(quantity="no_such_quantity"), "quantity 'no_such_quantity' is unknown"),
        (with_reading(key=""), "an observation without key"),
        (lambda _, good: replace(good, items=[*good.items, 7]), "an item of type int"),
    ],
)
def test_what_breaks_the_contract_is_said(
    broken: Callable[[Message, Outcome], Outcome], said: str
) -> None:
    found = problems(Lines(broken), [case()], count=FEW)
    assert any(said in one for one in found), found


def test_f_cod_3_a_codec_without_a_limit_is_found() -> None:
    class Unlimited(Lines):
        def decode(self, message: Message, context: CodecContext) -> Outcome:
            limits = replace(context.limits, payload_bytes=10**9)
            return super().decode(message, replace(context, limits=limits))

    found = problems(Unlimited(), [case()], count=FEW)
    assert any("not too_large (F-COD-3)" in one for one in found), found


def test_f_cod_7_a_codec_that_changes_the_state_it_was_given_is_found() -> None:
    class Writing(Lines):
        def decode(self, message: Message, context: CodecContext) -> Outcome:
            assert isinstance(context.state, dict)
            context.state["seen"] = len(context.state) + message.payload.count(b"1")
            return super().decode(message, context)

    one = case()
    one = replace(one, context=replace(one.context, state={}))
    found = problems(Writing(), [one], count=FEW)
    assert any("were changed (F-COD-7)" in said for said in found), found


def test_a_case_that_cannot_be_read_names_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    with pytest.raises(SettingsError, match="half"):
        read_case(folder)
    (folder / "case.json").write_text(json.dumps({"codec": "own"}))
    with pytest.raises(SettingsError, match="exactly one file payload"):
        read_case(folder)


def test_the_command_explains_a_codec_that_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["no_such_codec", str(tmp_path)]) == 1
    assert "no_such_codec" in capsys.readouterr().err
