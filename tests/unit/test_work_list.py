"""The work list of the inventory is a record and a table, and shrinks to zero with the fixes."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from bridge_city import city

from dashboards.i18n.translate import Texts
from dashboards.widgets.work_list import work_section
from twin.city import Twin
from twin.exchange.asb_mapping import read_mapping
from twin.inventory import keep_inventory, read_lists
from twin.model.tables import rows
from twin.store.memory import MemoryStore

START = datetime(2026, 11, 22, tzinfo=UTC)
MAPPING = """
[inventory]
source = "list"
crs = 25833
[inventory.assets]
"0999001" = "T1"
"""
HEAD = (
    "Bauwerksnummer;Teilbauwerksnummer;Gesamtlaenge;Gesamtbreite;Brueckenflaeche;Ostwert;Nordwert"
)
DIRTY = (
    "0999001;1;84,50;12,30;1039,35;429800;5650400",
    "0999001;2;;12,30;1039,35;33429800;5650400",
    "0999001;3;84,50;1230;1039,35;429800;5650400",
    "0999001;4;84,50;12,30;1039,35;429800;150400",
    "0999001;5;n. b.;12,30;viel;0;0",
    "999001;6;84,50;12,30;1039,35;429800;5650400",
)
FIXES = {
    1: "0999001;2;84,50;12,30;1039,35;429800;5650400",
    2: "0999001;3;84,50;12,30;1039,35;429800;5650400",
    3: "0999001;4;84,50;12,30;1039,35;429800;5650400",
    4: "0999001;5;84,50;12,30;1039,35;429800;5650400",
    5: "0999001;6;84,50;12,30;1039,35;429800;5650400",
}


@pytest.fixture
def twin() -> Twin:
    ticks = count()
    made = Twin(MemoryStore(), clock=lambda: START + timedelta(seconds=next(ticks)))
    made.load(city())
    return made


def import_rows(twin: Twin, listed: list[str]) -> None:
    files = {"teilbauwerke.csv": "\n".join([HEAD, *listed]).encode()}
    found = read_lists(twin, files, read_mapping(MAPPING))
    keep_inventory(twin, found, sources=list(files))


def open_items(twin: Twin) -> list[Any]:
    return list(twin.bridges.book.work_list(limit=500))


def written(component: Any) -> str:
    if isinstance(component, (list, tuple)):
        return " ".join(written(part) for part in component)
    if hasattr(component, "children"):
        return written(component.children)
    return "" if component is None else str(component)


def test_f_inv_2_a_dirty_list_shrinks_to_zero_as_the_listed_fixes_are_applied(twin: Twin) -> None:
    listed = list(DIRTY)
    import_rows(twin, listed)
    sizes = [len(open_items(twin))]
    assert {stored.item.code for stored in open_items(twin)} >= {
        "value_missing",
        "needs_confirmation",
        "unit_suspect",
        "outside_city",
        "number_changed",
    }
    for row, fixed in FIXES.items():
        listed[row] = fixed
        import_rows(twin, listed)
        sizes.append(len(open_items(twin)))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    assert sizes[-1] == 0
    assert len(twin.bridges.book.work_list(only_open=False, limit=500)) >= sizes[0]


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_table_shows_every_item_with_its_meaning_and_says_when_none_is_left(
    twin: Twin, language: str
) -> None:
    texts = Texts(language)
    import_rows(twin, list(DIRTY))
    items = open_items(twin)
    shown = written(work_section(items, texts))
    meaning = {row["key"]: row["german" if language == "de" else "english"] for row in rows("data_problems")}  # fmt: skip # noqa: E501
    for stored in items:
        assert stored.item.detail in shown
        assert meaning[stored.item.code] in shown
    assert texts("work.title") in shown
    assert texts("work.none") in written(work_section([], texts))


def test_every_code_of_a_work_item_has_its_meaning_in_both_languages() -> None:
    for row in rows("data_problems"):
        assert row["english"]
        assert row["german"]
