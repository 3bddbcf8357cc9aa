"""Confusion matrix of the fault world over many bridges: ``python -m tests.bench.bench_faults``.

The seeds of the published table were not looked at while the rules were made.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fault_world import CASES, LABELS, confusion


def main() -> None:
    """Print the matrix as a Markdown table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--first", type=int, default=101, help="first seed")
    parser.add_argument("--count", type=int, default=20, help="bridges per case")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count)
    found = confusion(seeds)
    sys.stdout.write(f"| put in ({options.count} bridges each) | truth | {' | '.join(LABELS)} |\n")
    sys.stdout.write("|---|---|" + "---|" * len(LABELS) + "\n")
    for case in CASES:
        counts = [found.get((case.name, label), 0) for label in LABELS]
        cells = " | ".join(str(count or "") for count in counts)
        sys.stdout.write(f"| {case.name} | {case.truth} | {cells} |\n")


if __name__ == "__main__":
    main()
