"""The decision paper: tagged PDF, one HTML file, and maps that say what is noise."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from paper_case import ENDED, many_bridges, paper_source, without_map
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from dashboards.i18n.translate import Texts
from dashboards.reports.build import build
from dashboards.reports.making import written
from dashboards.reports.mapdata import MapData, MapSection
from dashboards.reports.paper import Table
from dashboards.reports.picturing import pictures
from dashboards.reports.staticmap import LESS, MORE
from dashboards.reports.typeset import pdf
from dashboards.reports.writing import _KNOWN, Writing, shown
from twin.errors import ReportError

HOSTILE = '#strong[x] *y* $z$ @a #read("/etc/passwd") \\ <b onload=x>&amp; </svg> \U0001f600'


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def tags(node: Any) -> Iterator[DictionaryObject]:
    node = node.get_object() if isinstance(node, IndirectObject) else node
    if isinstance(node, ArrayObject):
        for one in node:
            yield from tags(one)
    elif isinstance(node, DictionaryObject):
        if "/S" in node:
            yield node
        if "/K" in node:
            yield from tags(node["/K"])


def tags_of(reader: PdfReader) -> list[DictionaryObject]:
    return list(tags(root_of(reader)["/StructTreeRoot"]["/K"]))


def root_of(reader: PdfReader) -> Any:
    """The catalogue: plain names and values, whatever their type in the file."""
    return reader.trailer["/Root"]


def words_of(reader: PdfReader) -> str:
    return " ".join(page.extract_text() for page in reader.pages)


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize(("language", "tag"), [("de", "de-DE"), ("en", "en-GB")])
def test_the_pdf_states_its_standard_language_title_and_structure(language: str, tag: str) -> None:
    reader = read(written(paper_source(), texts=Texts(language), form="pdf"))
    root = root_of(reader)
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()
    assert root["/Lang"] == tag
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert reader.metadata.title == "B1 closed"
    kinds = [str(one["/S"]) for one in tags_of(reader)]
    assert kinds.count("/Figure") == 3
    assert {"/Title", "/H1", "/H2", "/Table", "/THead", "/TH", "/TD", "/L", "/LI"} <= set(kinds)


def test_every_figure_of_the_pdf_has_a_text_that_says_what_it_shows() -> None:
    reader = read(written(paper_source(), texts=Texts("en"), form="pdf"))
    figures = [str(one.get("/Alt", "")) for one in tags_of(reader) if one["/S"] == "/Figure"]
    assert [text.partition(":")[0] for text in figures] == [
        "Map of the traffic before",
        "Map of the traffic after",
        "Map of the difference",
    ]


def test_column_heads_of_the_pdf_name_their_scope() -> None:
    reader = read(written(paper_source(), texts=Texts("de"), form="pdf"))
    heads = [one for one in tags_of(reader) if one["/S"] == "/TH"]
    assert heads
    for head in heads:
        said = head["/A"].get_object()
        entries = said if isinstance(said, ArrayObject) else [said]
        assert any(one.get_object().get("/Scope") == "/Column" for one in entries)


def test_the_same_run_gives_the_same_bytes_of_its_own_date() -> None:
    first = written(paper_source(), texts=Texts("de"), form="pdf")
    assert written(paper_source(), texts=Texts("de"), form="pdf") == first
    metadata = read(first).metadata
    assert metadata is not None
    assert metadata.creation_date == ENDED


def test_the_scenario_lies_inside_the_pdf() -> None:
    reader = read(written(paper_source(), texts=Texts("de"), form="pdf"))
    assert b'"close_asset"' in reader.attachments["scenario.json"][0]


def test_a_long_table_breaks_with_its_head_on_every_page() -> None:
    reader = read(written(paper_source(many_bridges(120)), texts=Texts("de"), form="pdf"))
    pages = [page.extract_text() for page in reader.pages]
    of_table = [text for text in pages if re.search(r"Brücke \d+\s", text) and "Auslastung" in text]
    assert len(of_table) >= 3
    found = flat(" ".join(pages))
    assert all(f"Brücke{number}" in found for number in range(120))


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_markup_in_names_stays_text(form: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document["scenario"]["name"] = HOSTILE
        document["bridges"][0]["name"] = HOSTILE
        document["sentences"]["de"] = [HOSTILE]
        document["findings"][0]["text"] = {"key": "", "values": {}, "de": HOSTILE, "en": HOSTILE}

    made = written(paper_source(change), texts=Texts("de"), form=form)
    if form == "pdf":
        assert flat("#strong[x] *y* $z$ @a #read") in flat(words_of(read(made)))
    else:
        page = made.decode()
        assert "<b onload" not in page
        assert page.count("</svg>") == page.count("<svg")
        assert "&lt;b onload=x&gt;&amp;amp;" in page


def test_every_sign_that_is_let_through_can_be_typeset() -> None:
    signs = "".join(shown(chr(code)) or " " for low, high in _KNOWN for code in range(low, high))
    source = paper_source()
    paper = replace(build(source, Texts("de")), subtitle=" ".join(signs))
    assert pdf(paper, at=ENDED).startswith(b"%PDF")


def test_what_typst_refuses_is_named() -> None:
    paper = replace(build(paper_source(), Texts("de")), subtitle="\U0001f600")
    with pytest.raises(ReportError, match=r"typst refuses the paper 'B1 closed'.*displayed"):
        pdf(paper, at=ENDED)


class Structure(HTMLParser):
    """Tags, headings and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_is_one_file_without_script(language: str) -> None:
    page = Structure()
    page.feed(written(paper_source(), texts=Texts(language), form="html").decode())
    names = [name for name, _ in page.found]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(names)
    assert not any(key.startswith("on") for _, attributes in page.found for key in attributes)
    assert dict(page.found)["html"] == {"lang": language}
    drawings = [
        attributes for name, attributes in page.found if name == "svg" and "role" in attributes
    ]
    assert [one["role"] for one in drawings] == ["img"] * 3
    assert all(one["aria-label"] for one in drawings)
    assert names.count("h1") == 1
    assert names.count("th") > names.count("table")


@pytest.mark.parametrize("language", ["de", "en"])
def test_pdf_and_page_tell_the_same_bridges_and_hashes(language: str) -> None:
    source = paper_source()
    page = written(source, texts=Texts(language), form="html").decode()
    words = flat(words_of(read(written(source, texts=Texts(language), form="pdf"))))
    told = [one["name"] for one in source.document["bridges"]]
    told += [source.input_hash, source.document["inputs"]["base"]["content_hash"]]
    told += ["twin measures run scenario.json --members 5 --seed 1"]
    assert all(one in page and flat(one) in words for one in told)


def test_bridges_keep_the_order_of_the_document() -> None:
    paper = build(paper_source(), Texts("de"))
    tables = [one for part in paper.sections for one in part.blocks if isinstance(one, Table)]
    ranked = next(one for one in tables if one.caption.startswith("Brücken nach"))
    names = [one["name"] for one in paper_source().document["bridges"]]
    assert [row[1].text for row in ranked.rows] == names
    assert [row[0].text for row in ranked.rows] == [str(n) for n in range(1, len(names) + 1)]


def test_without_a_figure_a_day_the_paper_shows_vehicles_per_hour() -> None:
    source = paper_source()
    hours = {"base_vehh": 21.0, "scenario_vehh": 63.0, "change_vehh": 42.0, "floor_vehh": 2.0}
    days = dict.fromkeys(("base_vehd", "scenario_vehd", "change_vehd", "floor_vehd"))
    bridges = [
        {**one, "heavy": {**one["heavy"], **days, **hours, "band": None}}
        for one in source.document["bridges"]
    ]
    paper = build(replace(source, document={**source.document, "bridges": bridges}), Texts("de"))
    blocks = [block for section in paper.sections for block in section.blocks]
    table = next(one for one in blocks if isinstance(one, Table) and "Schwerverkehr" in one.caption)
    assert [cell.text for cell in table.rows[0]][2:5] == ["21", "63", "+42"]
    assert "Fahrzeuge je Stunde" in table.note
    assert any("Fahrzeugen je Stunde" in getattr(one, "text", "") for one in blocks)


def test_vehicles_that_parts_share_are_counted_once() -> None:
    source = paper_source()
    first = {**source.document["bridges"][0], "carries_whole_bridge": True}
    bridges = [first, {**first, "part": "second", "name": "second"}]
    paper = build(replace(source, document={**source.document, "bridges": bridges}), Texts("en"))
    blocks = [block for section in paper.sections for block in section.blocks]
    table = next(
        one for one in blocks if isinstance(one, Table) and one.rows[-1][1].text == "second"
    )
    assert [cell.text for cell in table.rows[1]][2:5] == ["\u2013"] * 3
    assert table.rows[1][4].note == "the same vehicles, count once"


def test_a_run_without_links_says_that_there_is_no_map() -> None:
    page = written(without_map(paper_source()), texts=Texts("en"), form="html").decode()
    assert "<svg" not in page
    assert "No road network with places is stored" in page


def road(base: float, scenario: float, floor: float, *, y_m: float = 0.0) -> MapSection:
    return MapSection("A", np.array([[0.0, y_m], [900.0, y_m]]), base, scenario, floor)


def test_a_change_within_the_noise_is_drawn_grey_alone() -> None:
    _, difference = pictures(MapData((road(100.0, 119.0, 20.0),)), Writing(Texts("en")))
    drawing = difference.items[0].svg.partition("</svg>")[0]
    assert MORE not in drawing
    assert LESS not in drawing
    assert "none of 1 road sections changes" in difference.items[0].alt


def test_more_and_less_differ_in_more_than_colour() -> None:
    roads = (road(100.0, 180.0, 20.0), road(100.0, 20.0, 20.0, y_m=500.0))
    _, difference = pictures(MapData(roads), Writing(Texts("en")))
    paths = re.findall(r"<path [^>]*>", difference.items[0].svg.partition("</svg>")[0])
    assert all("dasharray" in one for one in paths if LESS in one)
    assert not any("dasharray" in one for one in paths if MORE in one)


def test_a_schematic_network_has_no_scale_and_no_north() -> None:
    data = MapData((road(1.0, 2.0, 0.0),), is_schematic=True)
    assert " km</text>" not in pictures(data, Writing(Texts("en")))[1].items[0].svg
