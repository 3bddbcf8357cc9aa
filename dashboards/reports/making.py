"""The paper of a run as bytes of a file, the same for the command and for HTTP."""

from collections.abc import Mapping

from dashboards.i18n.translate import Texts
from dashboards.reports.build import Source, build
from dashboards.reports.gathering import gather
from dashboards.reports.page import html
from dashboards.reports.typeset import pdf
from twin.city import Twin
from twin.settings import Settings

FORMS: Mapping[str, str] = {"pdf": "application/pdf", "html": "text/html; charset=utf-8"}


def make(twin: Twin, settings: Settings, number: int, *, texts: Texts, form: str) -> bytes:
    """Bytes of the paper of a run.

    Parameters
    ----------
    twin, settings
        The city.
    number
        Of a run that has a document of measures.
    texts
        Language and time zone of the reader.
    form
        Key of `FORMS`.

    Raises
    ------
    RegistryError, ReportError
        As `gather` and `dashboards.reports.typeset.pdf`.
    """
    return written(gather(twin, settings, number), texts=texts, form=form)


def written(source: Source, *, texts: Texts, form: str) -> bytes:
    """Bytes of the paper of what was gathered."""
    paper = build(source, texts)
    return pdf(paper, at=source.ended_at) if form == "pdf" else html(paper).encode()
