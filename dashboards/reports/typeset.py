"""A paper as tagged PDF (PDF/UA-1), typeset by typst with the faces inside its wheel.

Nothing is read but the template: no face of the system, no package, no network. The same paper
gives the same bytes: its date is that of the paper, never that of the clock.
"""

import json
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from dashboards.reports.paper import Paper, plain
from twin.errors import ReportError

if TYPE_CHECKING:
    from typst import Compiler

STANDARD = "ua-1"


@cache
def template() -> bytes:
    """Source of the template."""
    return (files("dashboards") / "reports" / "templates" / "paper.typ").read_bytes()


def pdf(paper: Paper, *, at: datetime) -> bytes:
    """The paper as PDF/UA-1.

    Parameters
    ----------
    paper
    at
        Its date, in the file.

    Raises
    ------
    ReportError
        If typst refuses it; names what and where.
    """
    import typst  # noqa: PLC0415 - 84 MB that only a paper needs

    try:
        made = _compiler().compile(
            template(),
            format="pdf",
            sys_inputs={"paper": json.dumps(plain(paper), ensure_ascii=False)},
            pdf_standards=STANDARD,
            timestamp=at.replace(microsecond=0),
        )
    except typst.TypstError as error:
        hints = f" ({'; '.join(error.hints)})" if error.hints else ""
        raise ReportError(
            f"typst refuses the paper {paper.title!r}: {error.message}{hints}; "
            "the HTML form says the same and can be made"
        ) from error
    if not isinstance(made, bytes):
        raise ReportError(f"typst gave {type(made).__name__} instead of a PDF")
    return made


@cache
def _compiler() -> "Compiler":
    """A compiler that sees the faces inside its wheel alone, and keeps them."""
    import typst  # noqa: PLC0415 - as above

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(font_paths=fonts)
