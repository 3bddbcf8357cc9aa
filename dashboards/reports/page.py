"""A paper as one HTML file without script: everything it needs is in it. Pure."""

from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from dashboards.reports.paper import Paper, plain

Plain = Mapping[str, Any]


def html(paper: Paper) -> str:
    """The whole page."""
    document = plain(paper)
    name = escape(paper.title)
    sections = "".join(
        f'<section aria-labelledby="s{number}"><h2 id="s{number}">{number} '
        f"{escape(section['title'])}</h2>{_blocks(section['blocks'])}</section>"
        for number, section in enumerate(document["sections"], 1)  # pyrefly: ignore
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{paper.language}">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(paper.kind)}: {name}</title><style>{_style()}</style></head>\n"
        f'<body><header><p class="kind">{escape(paper.kind)}</p><h1>{name}</h1>'
        f'<p class="soft">{escape(paper.subtitle)}</p></header>\n<main>'
        f"{_blocks(document['summary'])}{sections}</main>\n"  # pyrefly: ignore
        f'<footer><p class="soft">{escape(paper.head)} · {escape(paper.foot)}</p></footer>'
        "</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return (files("dashboards") / "reports" / "templates" / "paper.css").read_text("utf-8").strip()


def _blocks(blocks: list[Plain]) -> str:
    return "".join(_WRITERS[block["kind"]](block) for block in blocks)


def _text(block: Plain) -> str:
    look = "" if block["look"] == "plain" else f' class="{block["look"]}"'
    return f"<p{look}>{escape(block['text'])}</p>"


def _items(block: Plain) -> str:
    marks = [*block["marks"], *("" for _ in block["texts"])]
    lines = [
        f"<li>{f'<strong>{escape(mark)}:</strong> ' if mark else ''}{escape(text)}</li>"
        for text, mark in zip(block["texts"], marks, strict=False)
    ]
    tag = "ol" if block["is_ordered"] else "ul"
    return f"<{tag}>{''.join(lines)}</{tag}>"


def _table(block: Plain) -> str:
    looks = [" class=right" if one["align"] == "right" else "" for one in block["columns"]]
    head = "".join(
        f'<th scope="col"{look}>{escape(one["name"])}</th>' if one["name"] else f"<td{look}></td>"
        for one, look in zip(block["columns"], looks, strict=True)
    )
    named = next(at for at, one in enumerate(block["columns"]) if one["name"])
    body = "".join(
        "<tr>"
        + "".join(
            _cell(cell, look, is_head=at == named)
            for at, (cell, look) in enumerate(zip(row, looks, strict=True))
        )
        + "</tr>"
        for row in block["rows"]
    )
    note = f'<p class="note">{escape(block["note"])}</p>' if block["note"] else ""
    return (
        f"{_framed(block['caption'], f'<thead><tr>{head}</tr></thead><tbody>{body}</tbody>')}{note}"
    )


def _cell(cell: Plain, look: str, *, is_head: bool) -> str:
    text = escape(cell["text"])
    text = f"<strong>{text}</strong>" if cell["is_strong"] and not is_head else text
    note = f"<br><small>{escape(cell['note'])}</small>" if cell["note"] else ""
    if is_head:
        return f'<th scope="row"{look}>{text}{note}</th>'
    return f"<td{look}>{text}{note}</td>"


def _framed(caption: str, content: str) -> str:
    """Table in a frame that scrolls by itself on narrow screens."""
    name = escape(caption)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">'
        f"<table><caption>{name}</caption>{content}</table></div>"
    )


def _facts(block: Plain) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in block["head"])
    look = ("<code>", "</code>") if block["is_code"] else ("", "")
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{look[0]}{escape(value)}{look[1]}</td></tr>'
        for name, value in block["rows"]
    )
    return _framed(block["caption"], f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def _pictures(block: Plain) -> str:
    drawn = "".join(
        f"<figure>{one['svg']}<figcaption>{escape(one['caption'])}</figcaption></figure>"
        for one in block["items"]
    )
    return f'<div class="pictures of{len(block["items"])}">{drawn}</div>'


def _code(block: Plain) -> str:
    return f'<pre tabindex="0"><code>{escape(block["text"])}</code></pre>'


def _link(block: Plain) -> str:
    address = escape(block["address"])
    return f'<p>{escape(block["text"])}: <a href="{address}">{address}</a></p>'


def _heading(block: Plain) -> str:
    return f"<h3>{escape(block['text'])}</h3>"


_WRITERS: Mapping[str, Callable[[Plain], str]] = {
    "text": _text,
    "items": _items,
    "table": _table,
    "facts": _facts,
    "pictures": _pictures,
    "code": _code,
    "link": _link,
    "heading": _heading,
}
