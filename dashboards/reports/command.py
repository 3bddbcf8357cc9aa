"""The job ``paper``: the decision paper of a measures run as a file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards.i18n.translate import LANGUAGES, Texts
from dashboards.reports.making import FORMS, make
from twin.errors import ReportError
from twin.runtime import open_twin
from twin.settings import Settings


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Write the decision paper of a measures run as tagged PDF or as one HTML file."""
    options = _parser().parse_args(arguments)
    out = options.out or Path(f"run-{options.run}.pdf")
    form = out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise ReportError(f"{out} ends in {out.suffix!r}; name a file that ends in .pdf or .html")
    language = options.lang or settings.dashboards.languages[0]
    twin = open_twin(settings, role="serve")
    try:
        made = make(
            twin, settings, options.run, texts=Texts(language, settings.city.timezone), form=form
        )
    finally:
        twin.close()
    try:
        out.write_bytes(made)
    except OSError as error:
        raise ReportError(
            f"{out} cannot be written: {error.strerror}; name another file"
        ) from error
    sys.stderr.write(f"{out}: {len(made)} bytes\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin paper", description=command.__doc__)
    parser.add_argument("run", type=int, help="number of the run")
    parser.add_argument("--lang", choices=LANGUAGES, help="default: first one of the city")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="ends in .pdf or .html; default: run-RUN.pdf"
    )
    return parser
