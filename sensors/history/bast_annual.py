"""Annual values of BASt counting stations, checked for consistency: ``twin import bast-annual``."""

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensors.history.importfile import Finding, Refusal
from sensors.history.samples import opened
from twin.errors import SettingsError
from twin.settings import Settings

NEEDED = ("DZ_Nr", "DZ_Name")
NUMBER_COLUMN = re.compile(r"(Koor|DTV|pSV|MSV|bSV|Mt|Mn|Md|Me|fer|bSo|bFr)[0-9]*_.*")
NAMELESS = re.compile(r"(\.\.\.[0-9]*)?")
TOTAL = re.compile(r"(DTV_.*)_Q")
SHARE = re.compile(r"pSV_(.*)")
ROUNDING = 1.0
SHARE_ROUNDING = 0.06
PERCENT = 100.0
ABSENT = ("", "NA")
ENDS = ("file_row", "is_consistent", "inconsistencies")


@dataclass(frozen=True, slots=True)
class Station:
    """A row: its cells by column (decimal point, empty where absent) and what contradicts."""

    line: int
    cells: Mapping[str, str]
    inconsistencies: tuple[str, ...]


def read_bast_annual(lines: Iterable[str]) -> Iterator[Station | Refusal | Finding]:
    """Stations of an annual file, by column name (F-BAA-1).

    Raises
    ------
    SettingsError
        If number or name of the stations is absent from the header.

    Examples
    --------
    >>> text = ["DZ_Nr;DZ_Name;DTV_Kfz_Q;DTV_SV_Q;pSV_Q;", "9901;B;40123;2809;70;"]
    >>> [one.inconsistencies for one in read_bast_annual(text) if isinstance(one, Station)]
    [('pSV_Q is 70, but DTV_SV_Q / DTV_Kfz_Q is 7 %',)]
    """
    table = csv.reader(lines, delimiter=";")
    header = [name.strip() for name in next(table, [])]
    absent = [name for name in NEEDED if header.count(name) != 1]
    if absent:
        raise SettingsError(
            f"no header of annual values of BASt: column {', '.join(absent)} must occur once in "
            f"{', '.join(map(repr, header))[:200]}"
        )
    ignored = [repr(name) for name in header if NAMELESS.fullmatch(name)]
    if ignored:
        yield Finding(0, f"columns without a name are ignored: {', '.join(ignored)}")
    for row in table:
        if not row:
            continue
        last = len(row) - len(header)
        if last < 0 or any(cell.strip() for cell in row[len(header) :]):
            text = f"the row has {len(row)} cells, the header {len(header)}"
            yield Refusal(table.line_num, "wrong_type", text)
            continue
        named = zip(header, map(str.strip, row), strict=False)
        cells = {name: _plain(name, text) for name, text in named if not NAMELESS.fullmatch(name)}
        yield Station(table.line_num, cells, tuple(inconsistencies(cells)))


def _plain(name: str, text: str) -> str:
    if text in ABSENT:
        return ""
    return text.replace(",", ".") if NUMBER_COLUMN.fullmatch(name) else text


def inconsistencies(cells: Mapping[str, str]) -> Iterator[str]:
    """What contradicts in the values of a station; a lost decimal sign shows here.

    Sections are the sum of both directions, and the share of heavy vehicles is that of their
    numbers (F-BAA-2). Only columns with numbers are compared.

    Examples
    --------
    >>> list(inconsistencies({"DTV_Kfz_Q": "5", "DTV_Kfz_Ri1": "2", "DTV_Kfz_Ri2": "1"}))
    ['DTV_Kfz_Q is 5, but both directions together are 3']
    """
    numbers: dict[str, float] = {}
    for name, text in cells.items():
        if not text or not NUMBER_COLUMN.fullmatch(name):
            continue
        if re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,9})?", text):
            numbers[name] = float(text)
        else:
            yield f"{name} {text[:40]!r} is no number"
    for name, value in numbers.items():
        if found := TOTAL.fullmatch(name):
            sides = [numbers.get(f"{found[1]}_Ri{side}") for side in (1, 2)]
            known = [side for side in sides if side is not None]
            if len(known) == len(sides) and abs(value - sum(known)) > ROUNDING:
                yield f"{name} is {value:.10g}, but both directions together are {sum(known):.10g}"
        elif found := SHARE.fullmatch(name):
            heavy, all_ = (numbers.get(f"DTV_{kind}_{found[1]}") for kind in ("SV", "Kfz"))
            if heavy is None or not all_:
                continue
            share = heavy / all_ * PERCENT
            if abs(value - share) > SHARE_ROUNDING:
                yield (
                    f"{name} is {value:.10g}, but DTV_SV_{found[1]} / DTV_Kfz_{found[1]} is "
                    f"{share:.3g} %"
                )


def import_annual(_settings: Settings, arguments: Sequence[str]) -> int:
    """Check a file and write its stations as CSV; 0 if all are consistent, else 1."""
    parser = argparse.ArgumentParser(
        prog="twin import bast-annual",
        description="Check annual values of BASt stations and write them as CSV.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, help="stations as CSV: UTF-8, decimal point")
    parser.add_argument("--encoding", default="", help="encoding, else it is found")
    options = parser.parse_args(arguments)
    with opened(options.file, options.encoding) as (lines, _):
        items = list(read_bast_annual(lines))
    stations = [one for one in items if isinstance(one, Station)]
    wrong = [one for one in stations if one.inconsistencies]
    refused = [one for one in items if isinstance(one, Refusal)]
    sys.stdout.write(f"{len(stations):,} stations, {len(wrong):,} not fit for calibration\n")
    sys.stdout.writelines(f"  {one.text}\n" for one in items if isinstance(one, Finding))
    sys.stdout.writelines(f"  row {one.line}: {one.detail}\n" for one in refused)
    for one in wrong:
        listed = "; ".join(one.inconsistencies)
        sys.stdout.write(f"  row {one.line}: station {one.cells['DZ_Nr']}: {listed}\n")
    if options.out is not None:
        _write(options.out, options.file, stations)
    return 1 if wrong or refused else 0


def _write(out: Path, file: Path, stations: Sequence[Station]) -> None:
    if out.exists() and out.resolve() == file.resolve():
        raise SettingsError(f"--out {out} is the imported file itself; name another one")
    names = list(stations[0].cells) if stations else list(NEEDED)
    try:
        with out.open("w", encoding="utf-8", newline="") as text:
            writer = csv.writer(text)
            writer.writerow([*names, "file", *ENDS])
            for one in stations:
                told = ("no" if one.inconsistencies else "yes", "; ".join(one.inconsistencies))
                cells = [one.cells[name] for name in names]
                writer.writerow([*cells, file.name, one.line, *told])
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}") from None
