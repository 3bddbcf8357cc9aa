"""Typesets an HTML file with WeasyPrint as PDF/UA-1; prints the times [s] as JSON."""

import json
import sys
import time
from pathlib import Path

from weasyprint import HTML, __version__  # pyrefly: ignore [missing-import] - of the peers


def main(page: str, out: str, rounds: int) -> None:
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        HTML(filename=page).write_pdf(out, pdf_variant="pdf/ua-1")
        times.append(time.perf_counter() - start)
    print(json.dumps({"version": __version__, "times_s": times, "bytes": Path(out).stat().st_size}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
