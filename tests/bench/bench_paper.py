"""The decision paper: time of PDF and HTML, beside WeasyPrint on our own HTML.

WeasyPrint needs Pango as a system library; where it does not load, that is printed instead.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from paper_case import many_bridges, paper_source

from dashboards.i18n.translate import Texts
from dashboards.reports.build import Source
from dashboards.reports.making import written

PEERS = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
PEER = Path(__file__).parent / "paper_peers" / "weasy.py"
ROUNDS = 5
SIZES = (4, 40, 400)
MOST_OF_PEER = 40
"""Bridges up to which the peer is asked; it takes minutes beyond."""


def timed(work: Callable[[], bytes]) -> tuple[float, float, int]:
    """First time, median of the others [s], and bytes."""
    times: list[float] = []
    made = b""
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        made = work()
        times.append(time.perf_counter() - start)
    return times[0], median(times[1:]), len(made)


def peer(page: bytes) -> tuple[float, float, int] | str:
    """The same of WeasyPrint, or why not."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "paper.html")
        file.write_bytes(page)
        command = [str(PEERS), str(PEER), str(file), str(Path(folder, "out.pdf")), str(ROUNDS + 1)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    found = json.loads(done.stdout)
    return found["times_s"][0], median(found["times_s"][1:]), found["bytes"]


def source_of(bridges: int) -> Source:
    return paper_source(None if bridges == SIZES[0] else many_bridges(bridges))


def main() -> None:
    print(f"typst {version('typst')}; first, median of {ROUNDS} [s], kB")
    texts = Texts("de")
    for bridges in SIZES:
        source = source_of(bridges)
        pdf = timed(lambda one=source: written(one, texts=texts, form="pdf"))
        page = timed(lambda one=source: written(one, texts=texts, form="html"))
        print(f"{bridges:4} bridges  pdf  {pdf[0]:.3f}  {pdf[1]:.3f}  {pdf[2] / 1e3:.0f}")
        print(f"{bridges:4} bridges  html {page[0]:.3f}  {page[1]:.3f}  {page[2] / 1e3:.0f}")
        if bridges > MOST_OF_PEER:
            continue
        other = peer(written(source, texts=texts, form="html"))
        if isinstance(other, str):
            print(f"{bridges:4} bridges  WeasyPrint does not run here: {other}")
            continue
        print(
            f"{bridges:4} bridges  WeasyPrint {other[0]:.3f}  {other[1]:.3f}  {other[2] / 1e3:.0f}"
            f"  ratio {other[1] / pdf[1]:.1f}"
        )


if __name__ == "__main__":
    main()
