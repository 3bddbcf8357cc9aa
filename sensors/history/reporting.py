"""The report of an import: what became of the rows, what was refused, what a person should know."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sensors.history.importfile import Chunk, Finding, Refusal
from twin.errors import SettingsError
from twin.model.observations import Readings
from twin.model.quality import keys
from twin.model.times import from_us

EXAMPLES = 3
FINDINGS = 20
PREVIEW = 20
REMEDIES = {
    "unknown_stream": "register the datastream in datastreams.csv and run `twin load`",
    "too_old": "raise store.retention_days, or leave these rows out",
    "clock_future": "check --zone and the time column",
    "clock_unset": "check the unit of the time (time_format s, ms, us or ns)",
    "time_invalid": "name time_format and --zone",
    "unit_conflict": "correct the unit column, or name the unit with one_unit",
    "conflict": "another value is stored for this time; if the file is right, allow corrections "
    "for its source",
}


@dataclass(slots=True)
class Report:
    """What became of the rows of a file; in a rehearsal, what would become of them.

    ``refused`` counts by reason; ``examples`` are the first refusals of each. ``found`` counts
    findings, of which ``findings`` are the first; ``preview`` are the first readings as stored.
    """

    rows: int = 0
    missing: int = 0
    stored: int = 0
    duplicate: int = 0
    conflict: int = 0
    corrected: int = 0
    already: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[Refusal] = field(default_factory=list)
    dialect: str = ""
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    preview: list[str] = field(default_factory=list)

    def refuse(self, refusal: Refusal) -> None:
        """Count a refused row, and keep it if it is one of the first with its reason."""
        self.refused[refusal.reason] += 1
        if self.refused[refusal.reason] <= EXAMPLES:
            self.examples.append(refusal)

    def note(self, chunk: Chunk) -> None:
        """Keep what a chunk tells beside its rows."""
        self.dialect = self.dialect or chunk.dialect
        self.found += len(chunk.findings)
        self.findings += chunk.findings[: FINDINGS - len(self.findings)]
        self.left_out += chunk.left_out

    def show(self, readings: Readings, uids: Mapping[int | None, str]) -> None:
        """Keep the first readings as they would be stored."""
        for row in range(min(len(readings), PREVIEW - len(self.preview))):
            when = from_us(int(readings.time_us[row])).isoformat().replace("+00:00", "Z")
            flags = " ".join(keys(int(readings.quality[row])))
            uid = uids.get(int(readings.number[row]), "")
            self.preview.append(f"{uid} {when} {readings.value[row]:g} {flags}".rstrip())

    def lines(self, *, is_dry: bool) -> Iterator[str]:
        """The report in words."""
        would = "would be " if is_dry else ""
        yield f"{self.rows:,} rows"
        yield f"  {self.stored:,} {would}stored"
        yield f"  {self.duplicate:,} duplicates, in the store already or repeated in the file"
        if self.already:
            yield (
                f"  {self.already:,} of batches that an earlier run of this import committed "
                "(--again looks at them anew)"
            )
        if self.corrected:
            yield f"  {self.corrected:,} of the stored ones replace an earlier value"
        if self.missing:
            yield f"  {self.missing:,} without a value"
        if self.conflict:
            yield f"  {self.conflict:,} contradict a stored value: {REMEDIES['conflict']}"
        for reason, count in self.refused.most_common():
            yield f"  {count:,} refused, {reason}: {REMEDIES.get(reason, 'see the examples')}"
            examples = (one for one in self.examples if one.reason == reason)
            yield from (f"      row {one.line}: {one.detail}" for one in examples)
        yield from self._beside()

    def _beside(self) -> Iterator[str]:
        if self.left_out:
            shown = ", ".join(sorted(self.left_out)[:FINDINGS])
            yield (
                f"  {self.left_out.total():,} values left out, of {len(self.left_out):,} series "
                f"without a datastream: {shown}"
            )
        if self.found:
            yield f"  {self.found:,} findings; the values stand as the file has them"
        for one in self.findings:
            yield f"      row {one.line}: {one.text}" if one.line else f"      {one.text}"
        if self.dialect:
            yield f"  read as {self.dialect}"
        if self.preview:
            yield "  the first readings as they would be stored:"
            yield from (f"      {one}" for one in self.preview)


@contextmanager
def refusal_file(file: Path | None, imported: Path) -> Iterator[Callable[[Refusal], None] | None]:
    """Write every refused row with its reason as CSV while the import goes on."""
    if file is None:
        yield None
        return
    if file.resolve() == imported.resolve():
        raise SettingsError(f"--rejects {file} is the imported file itself; name another one")
    try:
        opened = file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from None
    with opened as out:
        writer = csv.writer(out)
        writer.writerow(["row", "reason", "detail"])
        yield lambda one: writer.writerow([one.line, one.reason, one.detail])
