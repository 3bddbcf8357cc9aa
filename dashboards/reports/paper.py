"""What a decision paper holds, before it is typeset: blocks of plain text, tables, pictures. Pure.

Both outputs are made from the same blocks, so that PDF and HTML say the same. All text is plain:
neither writer reads markup in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a table: heading, alignment, and its share of the width."""

    name: str
    align: Align = "left"
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a table, with a second line that is set smaller."""

    text: str
    note: str = ""
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its head is repeated where it breaks over pages."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph: plain, a lead in larger letters, or a note in small ones."""

    text: str
    look: Literal["plain", "lead", "note"] = "plain"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences; ``marks`` are words that stand before each, where there is one."""

    texts: tuple[str, ...]
    marks: tuple[str, ...] = ()
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values; ``is_code`` sets the values in letters of one width."""

    caption: str
    head: tuple[str, str]
    rows: tuple[tuple[str, str], ...]
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing as SVG with what it shows, for those who do not see it."""

    svg: str
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures beside one another."""

    items: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be typed or kept, as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address that can be followed."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Heading:
    """Heading inside a section."""

    text: str


Block = Table | Text | Items | Facts | Pictures | Code | Link | Heading


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the paper."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the PDF."""

    name: str
    content: str
    description: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A decision paper in one language.

    Parameters
    ----------
    language
        ``de`` or ``en``.
    kind, title, subtitle
        What it is, what it is about, and of what and when.
    head, foot
        In the margins of every page; ``page`` has the words "page {page} of {pages}" in two parts.
    summary
        Blocks before the first section.
    sections
        In their order.
    attachments
        Files for who wants to compute again.
    """

    language: str
    kind: str
    title: str
    subtitle: str
    head: str
    foot: str
    page: tuple[str, str]
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]
    attachments: tuple[Attachment, ...] = ()


def plain(paper: Paper) -> Mapping[str, object]:
    """The paper as JSON values; every block says its kind.

    Examples
    --------
    >>> block_document(Text("yes"))
    {'kind': 'text', 'text': 'yes', 'look': 'plain'}
    """
    return {
        "language": paper.language,
        "kind": paper.kind,
        "title": paper.title,
        "subtitle": paper.subtitle,
        "head": paper.head,
        "foot": paper.foot,
        "page": list(paper.page),
        "summary": [block_document(block) for block in paper.summary],
        "sections": [
            {"title": one.title, "blocks": [block_document(block) for block in one.blocks]}
            for one in paper.sections
        ],
        "attachments": [asdict(one) for one in paper.attachments],
    }


def block_document(block: Block) -> Mapping[str, object]:
    """A block as JSON values."""
    return {"kind": type(block).__name__.lower(), **asdict(block)}


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    note: str = "",
) -> Table:
    """Table whose cells may be given as texts."""
    made = tuple(
        tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows
    )
    return Table(caption, tuple(columns), made, note)
