"""Restrictions go out as DATEX II and come back as they were."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from twin.errors import DecisionError, DecodeError
from twin.exchange.datex2_situation import PREFIXES, publication
from twin.exchange.datex2_situation_in import read_publication
from twin.exchange.datex2_structure import problems_of_publication
from twin.exchange.xml_nodes import Node, read, write
from twin.model.bridge import Restriction
from twin.model.decisions import (
    WEEKDAYS,
    Decision,
    DecisionEvent,
    DecisionState,
    Order,
    begun,
    moved,
)
from twin.model.notices import Notice, is_out, notice_of
from twin.model.order_words import order_text, signs_for
from twin.model.records import UNIT_OF_RESTRICTION

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LIMIT = Restriction("5", 16.0, "t", signs=("262-16",), valid_from=date(2026, 12, 1))
ORDER = Order("B1", "Loschwitzer Brücke", LIMIT, ((13.7, 51.05),), "damage at the hangers")
TEXT = some.text(
    some.characters(exclude_categories=("C", "Z"), include_characters="<&>'\" äß"), max_size=20
).map(lambda text: " ".join(text.split()))
NAME = TEXT.filter(bool)
DAY = some.dates(date(2000, 1, 1), date(2100, 1, 1))
CLOCK = some.times().map(lambda time: f"{time:%H:%M}")
POINT = some.tuples(some.floats(-180, 180), some.floats(-90, 90))


def sent(*notices: Notice, at: datetime = AT) -> bytes:
    return publication(notices, at=at, publisher="DE-TEST", country="de")


def published(order: Order = ORDER) -> Decision:
    first = begun(order, decision_id=7, state="decided", person="Anna", at=AT)
    return moved(
        first, "published", expected_version=1, person="Ben", reason="agreed", at=AT, order=order
    )


@some.composite
def restrictions(draw: some.DrawFn) -> Restriction:
    kind = draw(some.sampled_from([str(number) for number in range(1, 13)]))
    unit = UNIT_OF_RESTRICTION.get(kind, "")
    begin = draw(DAY)
    is_daily = draw(some.booleans())
    days = draw(some.sets(some.sampled_from(WEEKDAYS)))
    return Restriction(
        kind=kind,
        value=draw(some.floats(0.1, 900)) if unit else None,
        unit=unit,
        signs=tuple(draw(some.lists(NAME, max_size=3))),
        valid_from=begin,
        valid_until=draw(some.none() | some.integers(0, 4000).map(lambda n: _later(begin, n))),
        daily_from=draw(CLOCK) if is_daily else "",
        daily_until=draw(CLOCK) if is_daily else "",
        weekdays=",".join(day for day in WEEKDAYS if day in days),
        vehicle_group=draw(TEXT),
        direction=draw(TEXT),
        lane=draw(TEXT),
        section=draw(TEXT),
        station_m=draw(some.none() | some.floats(0.1, 100_000)),
        links=tuple(draw(some.lists(NAME, max_size=3))),
        remark=draw(TEXT),
    )


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days)


@some.composite
def decisions(draw: some.DrawFn) -> Decision:
    """A decision that went through some of its states."""

    def order() -> Order:
        points = tuple(draw(some.lists(POINT, min_size=1, max_size=4)))
        return Order("B1", draw(NAME), draw(restrictions()), points, "secret reason", part="2")

    decision = begun(order(), decision_id=3, state="decided", person="Anna", at=AT)
    states: list[DecisionState] = draw(
        some.sampled_from([[], ["published"], ["published", "updated", "updated"]])
    )
    ends: list[DecisionState] = draw(some.sampled_from([[], ["withdrawn"]]))
    for hours, state in enumerate((*states, *ends)):
        decision = moved(
            decision,
            state,
            expected_version=decision.version,
            person="Ben",
            reason="agreed",
            at=AT + timedelta(hours=hours),
            order=order() if state == "updated" else None,
        )
    return decision


@settings(max_examples=150, deadline=None)
@given(decisions())
def test_every_decision_comes_back_as_it_went_out(decision: Decision) -> None:
    notice = notice_of(decision, publisher="DE-TEST")
    content = sent(notice)
    found = read_publication(content)
    assert found.problems == ()
    assert found.notices == (notice,)
    assert b"secret reason" not in content


def test_a_message_without_a_first_day_is_not_written() -> None:
    endless = replace(ORDER, restriction=replace(LIMIT, valid_from=None))
    with pytest.raises(DecisionError, match="first day"):
        notice_of(published(endless), publisher="X")


def test_versions_rise_and_a_withdrawal_ends_the_same_record() -> None:
    out = published()
    changed = moved(
        out,
        "updated",
        expected_version=2,
        person="Ben",
        reason="heavier",
        at=AT + timedelta(hours=1),
        order=replace(ORDER, restriction=replace(LIMIT, value=12.0)),
    )
    ended = moved(
        changed,
        "withdrawn",
        expected_version=3,
        person="Ben",
        reason="strengthened",
        at=AT + timedelta(days=20),
    )
    notices = [notice_of(one, publisher="DE") for one in (out, changed, ended)]
    assert [one.version for one in notices] == [1, 2, 3]
    assert {one.id for one in notices} == {"DE-decision-7-1"}
    assert {one.created_at for one in notices} == {AT}
    found = read_publication(sent(notices[2]))
    assert found.standing == ()
    assert found.notices[0].ended_at == AT + timedelta(days=20)
    assert is_out(ended, AT + timedelta(days=26))
    assert not is_out(ended, AT + timedelta(days=28))


def test_only_what_a_person_has_released_is_real() -> None:
    decided = begun(ORDER, decision_id=1, state="decided", person="Anna", at=AT)
    assert notice_of(decided, publisher="X").status == "test"
    assert notice_of(published(), publisher="X").status == "real"
    assert b"<com:informationStatus>real<" in sent(notice_of(published(), publisher="X"))


def test_an_empty_snapshot_is_a_publication() -> None:
    assert read_publication(sent()).notices == ()


def broken(root: Node) -> Iterator[tuple[str, Node]]:
    """The document with one fault each: a node away, doubled, renamed, moved, its text changed."""
    count = sum(1 for _ in walk(root))
    for number in range(1, count):
        for fault in ("text", "rename", "attribute", "double", "remove", "first"):
            copy = read(write(root, PREFIXES), PREFIXES)
            nodes = list(walk(copy))
            parent, node = nodes[number]
            assert parent is not None
            where = parent.children.index(node)
            if "stz:" in node.name or (parent.name.startswith("stz:")):
                continue
            if fault == "text" and not node.children:
                node.text = ""
            elif fault == "rename":
                node.name += "X"
            elif fault == "attribute" and "Extension" not in node.name:
                node.attributes["unknown"] = "1"
            elif fault == "double" and node.name in SINGLE:
                parent.children.insert(where, node)
            elif fault == "remove" and node.name in NEEDED:
                del parent.children[where]
            elif fault == "first" and where and node.name in NEEDED:
                parent.children.insert(0, parent.children.pop(where))
            else:
                continue
            yield f"{fault} {node.name}", copy


SINGLE = {"sit:validity", "com:publicationTime", "com:overallStartTime", "sit:complianceOption"}
NEEDED = {
    "sit:validity",
    "com:overallStartTime",
    "com:publicationCreator",
    "sit:headerInformation",
    "sit:locationReference",
    "sit:complianceOption",
    "sit:situationRecordVersionTime",
    "sit:roadOrCarriagewayOrLaneManagementType",
    "com:typeOfWeight",
    "loc:longitude",
}


def walk(node: Node, parent: Node | None = None) -> Iterator[tuple[Node | None, Node]]:
    yield parent, node
    for child in node.children:
        yield from walk(child, node)


def test_every_fault_in_the_structure_is_noticed() -> None:
    root = read(sent(notice_of(published(), publisher="DE")), PREFIXES)
    assert problems_of_publication(root) == ()
    faults = dict(broken(root))
    assert len(faults) > 80
    assert [name for name, copy in faults.items() if not problems_of_publication(copy)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"approved", b"done"),
        (b">16.0<", b">heavy<"),
        (b"2026-11-22T09:30:00Z", b"2026-11-22T09:30:00"),
        (b'version="1"', b'version="one"'),
        (b"sit:RoadOrCarriagewayOrLaneManagement", b"sit:Accident"),
        (b'xsi:type="loc:PointLocation" ', b""),
        (b' xsi:type="loc:PointLocation"', b""),
        (b">de</com:country>", b">Germany</com:country>"),
    ],
)
def test_a_value_outside_the_model_is_noticed(old: bytes, new: bytes) -> None:
    content = sent(notice_of(published(), publisher="DE"))
    if old in content:
        assert problems_of_publication(read(content.replace(old, new), PREFIXES)) != ()


@pytest.mark.duty("S10")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a>",
        b"plain",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
        b"<a>" * 60 + b"</a>" * 60,
        b"<a/>",
    ],
)
def test_what_is_no_publication_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        read_publication(content)


@settings(max_examples=60, deadline=None)
@given(some.binary(max_size=200), some.integers(0, 3000))
def test_damaged_bytes_are_refused_or_read(noise: bytes, where: int) -> None:
    content = sent(notice_of(published(), publisher="DE"))
    damaged = content[:where] + noise + content[where + len(noise) :]
    with suppress(DecodeError):
        read_publication(damaged)


def test_publications_of_others_are_read() -> None:
    folder = Path(__file__).parents[1] / "contract" / "datex2_situations"
    found = read_publication((folder / "two_restrictions.xml").read_bytes())
    assert found.problems == ()
    assert [(one.restriction.kind, one.restriction.value) for one in found.notices] == [
        ("5", 7.5),
        ("2", 30.0),
    ]
    assert found.notices[1].restriction.valid_until == date(2027, 3, 31)
    other = read_publication((folder / "unknown_record.xml").read_bytes())
    (notice,) = other.notices
    assert (notice.restriction.kind, notice.restriction.remark) == ("12", "Ein Baum\nA tree")


def test_signs_follow_from_the_table() -> None:
    lorries = {"vehicle_group": "lorries"}
    cases = {
        Restriction("3"): ("250",),
        Restriction("3", **lorries): ("253",),
        Restriction("3", lane="1"): (),
        Restriction("5", 7.5, "t"): ("262-7,5",),
        Restriction("4", 8.0, "t"): ("263-8",),
        Restriction("6", 3.8, "m"): ("265-3,8",),
        Restriction("7", 2.5, "m"): ("264-2,5",),
        Restriction("8", 10.0, "m"): ("266-10",),
        Restriction("11", 70.0, "m"): ("273-70",),
        Restriction("2", 30.0, "km/h", weekdays="Mo,Tu"): ("274-30", "1042-30"),
        Restriction("9"): ("276",),
        Restriction("9", **lorries): ("277",),
        Restriction("12"): (),
    }
    assert {limit: signs_for(limit) for limit in cases} == cases


def test_the_draft_of_an_order_says_what_where_when_and_why_in_both_languages() -> None:
    limit = replace(LIMIT, valid_until=date(2027, 3, 31), daily_from="22:00", daily_until="06:00")
    order = replace(ORDER, restriction=limit, run_id=9, input_hash="abc")
    german, english = (order_text(order, tag).plain() for tag in ("de", "en"))
    for text in (german, english):
        assert "§ 45 Abs. 1 Satz 2 Nr. 2 StVO" in text
        assert "262-16" in text
        assert "damage at the hangers" in text
        assert "abc" in text
    assert german.startswith("ENTWURF")
    assert english.startswith("DRAFT")
    assert "Lage (WGS 84) 5" in german
    assert (
        "tatsächliche Masse [von den Herstellern des Zwillings nicht am Gesetz geprüft]" in german
    )
    assert "strike out what does not apply" in english
    assert "Also in force" not in english
    assert "bis einschließlich 31.03.2027" in german
    assert "daily from 22:00 to 06:00" in english


def test_the_draft_names_what_else_is_in_force_at_the_place() -> None:
    older = Restriction("5", 15.0, "t", valid_from=date(2020, 1, 1))
    text = order_text(ORDER, "en", beside=[older]).plain()
    assert "15 t; from 2020-01-01; until it is withdrawn" in text
    assert "this order does not lift them" in text


def test_the_message_limits_what_the_vehicle_weighs_as_the_sign_does() -> None:
    content = sent(notice_of(published(), publisher="DE-TEST")).decode()
    assert "<com:typeOfWeight>actual</com:typeOfWeight>" in content


def test_events_hold_the_order_of_their_time() -> None:
    event = published().newest
    assert isinstance(event, DecisionEvent)
    assert event.order == ORDER
