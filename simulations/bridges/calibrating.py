"""Calibration that a person starts: weighing in motion from lorries of known weight."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from simulations.bridges.crossings import CONTEXT, MARGIN_S, MOST_RESIDUAL, stretches
from simulations.bridges.inputs import Bridge
from simulations.bridges.register import newest
from simulations.bridges.strainsite import (
    FORMAT,
    MODEL,
    Sections,
    calibration_in,
    recorded,
    registered,
    sections_of,
)
from simulations.monitoring.detection import crossings, without_baseline
from simulations.monitoring.lorries import (
    LorryRun,
    SiteFactor,
    WeighedLorry,
    run_of,
    site_factor,
)
from twin.errors import InsufficientData, ModelError, OutOfValidity
from twin.model.monitoring import TrainedModel
from twin.model.times import to_us

COLUMNS = ("passed_at", "axle_kn", "spacing_m")
AROUND = timedelta(seconds=15)
"""So far from the noted time the crossing may lie."""
HIGHEST_SHARE = 0.5
PLAUSIBLE = (5e-4, 3.5)
"""Strain per bending moment [um/m per kN.m]: 1 / (E W) with E from 30 to 210 GPa and W from 0.01 to
10 m3; own choice, far outside of both lies no road bridge."""
LEAST_CHANGE, MOST_CHANGE = 0.5, 2.0
"""Band of the factor against the calibration before, as for the stiffness of a model."""
RISK = "limited: weighs vehicles, is no evidence against a driver"


@dataclass(frozen=True, slots=True)
class NotedRun:
    """A crossing of a weighed lorry as it was noted."""

    at: datetime
    lorry: WeighedLorry


@dataclass(frozen=True, slots=True)
class WeighingCalibration:
    """What the runs of weighed lorries say of a site.

    Parameters
    ----------
    before
        Strain per bending moment of the calibration before [um/m per kN.m]; None without one.
    model
        The next version in the register.
    """

    noted: tuple[NotedRun, ...]
    runs: tuple[LorryRun, ...]
    found: SiteFactor
    before: float | None
    model: TrainedModel


def read_runs(text: str) -> tuple[NotedRun, ...]:
    r"""Runs of weighed lorries from a CSV text, in order of time.

    Columns: ``passed_at`` (ISO 8601 with offset), ``axle_kn`` and ``spacing_m`` (numbers with
    spaces between them, the foremost axle first).

    Raises
    ------
    ModelError
        With every problem of every row.

    Examples
    --------
    >>> (run,) = read_runs("passed_at,axle_kn,spacing_m\n2026-03-02T08:00:12Z,60 90,4.8\n")
    >>> run.lorry.gross_kn
    150.0
    """
    table = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if missing:
        raise ModelError(
            f"the file of runs has no column {', '.join(missing)}; its header is "
            f"{','.join(COLUMNS)}"
        )
    found, problems = [], []
    for number, row in enumerate(table, start=2):
        try:
            lorry = _lorry(row["axle_kn"], row["spacing_m"])
            found.append(NotedRun(_time(row["passed_at"] or ""), lorry))
        except (ValueError, ModelError, OverflowError) as error:
            problems.append(f"row {number}: {error}")
    if problems:
        raise ModelError("\n".join(problems))
    return tuple(sorted(found, key=lambda run: run.at))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        raise ModelError("passed_at needs an offset from UTC, such as Z")
    return at.astimezone(UTC)


def _lorry(loads: str | None, distances: str | None) -> WeighedLorry:
    axles = tuple(float(one) for one in (loads or "").split())
    return WeighedLorry(axles, tuple(float(one) for one in (distances or "").split()))


def calibrated_weighing(
    bridge: Bridge, noted: Sequence[NotedRun], *, by: str, reason: str, is_accepted: bool = False
) -> WeighingCalibration:
    """Strain per bending moment of a site from lorries of known weight.

    Parameters
    ----------
    by, reason
        Role of the person, and why; both stand in the register.
    is_accepted
        Whether that person accepts a factor outside of half to twice the one before.

    Raises
    ------
    NotAvailable
        If the span, or the stations of two sections are missing.
    InsufficientData
        If there are fewer than three runs, or one of them is not in the stored strain; names all.
    OutOfValidity
        If a run is not explained, the runs scatter, or the factor is implausible.
    """
    sections = sections_of(bridge)
    runs, problems = [], []
    for number, run in enumerate(noted, start=1):
        try:
            runs.append(_measured(bridge, sections, run))
        except InsufficientData as error:
            problems.append(f"run {number} ({run.at:%Y-%m-%dT%H:%M:%SZ}): {error}")
    if problems:
        raise InsufficientData("\n".join(problems))
    found = site_factor(runs, most_residual=MOST_RESIDUAL)
    known = registered(bridge) or recorded(bridge)
    before = None if known is None else known.factor
    _require_plausible(found.factor, before, is_accepted=is_accepted)
    _, version = newest(bridge, MODEL, calibration_in)
    residual = float(np.sqrt(np.mean([run.residual**2 for run in runs])))
    kinds = sorted({stream.provenance for stream in sections.streams})
    accepted = "; factor accepted outside of the band" if is_accepted else ""
    document = {
        "format": FORMAT,
        "factor": found.factor,
        "sd": found.sd,
        "scatter": found.scatter,
        "before": before,
        "by": by,
        "reason": reason,
        "span_m": sections.length_m,
        "streams": [stream.uid for stream in sections.streams],
        "provenance": kinds,
        "runs": [
            asdict(run) | {"at": one.at.isoformat(), "axle_kn": one.lorry.axle_kn}
            for one, run in zip(noted, runs, strict=True)
        ],
    }
    model = TrainedModel(
        name=MODEL,
        asset_id=bridge.asset.id,
        version=version,
        purpose=f"weighing in motion: {found.factor:.4g} um/m per kN.m after {len(runs)} runs of "
        f"weighed lorries ({', '.join(kinds)} strain); by {by}: {reason}{accepted}",
        owner=by,
        trained_from=noted[0].at,
        trained_until=noted[-1].at,
        trained_at=bridge.now,
        metric=("residual", residual, len(runs)),
        valid={"strain_per_moment": PLAUSIBLE},
        risk_class=RISK,
        content=json.dumps(document, ensure_ascii=False).encode(),
    )
    return WeighingCalibration(tuple(noted), tuple(runs), found, before, model)


def _require_plausible(factor: float, before: float | None, *, is_accepted: bool) -> None:
    least, most = PLAUSIBLE
    if not least <= factor <= most:
        raise OutOfValidity(
            f"{factor:.4g} um/m per kN.m lies outside of {least:g} to {most:g}; check the units of "
            "the strain, the span and the axle loads"
        )
    change = 1.0 if before is None else factor / before
    if not (LEAST_CHANGE <= change <= MOST_CHANGE or is_accepted):
        raise OutOfValidity(
            f"the factor is {change:.3g} times the one before, outside of {LEAST_CHANGE:g} to "
            f"{MOST_CHANGE:g}; check gauges and lorries, or accept it with --accept"
        )


def _measured(bridge: Bridge, sections: Sections, run: NotedRun) -> LorryRun:
    """The run in the stored strain; the one crossing at the noted time."""
    then = replace(bridge, now=run.at + AROUND + timedelta(seconds=2.0 * MARGIN_S))
    at_us, around_us = to_us(run.at), AROUND // timedelta(microseconds=1)
    for stretch in stretches(then, sections.streams, run.at - CONTEXT):
        if not stretch.start_us <= at_us <= stretch.end_us:
            continue
        rate_hz = stretch.rate_hz
        level = np.column_stack(
            [without_baseline(one, rate_hz=rate_hz) for one in stretch.strain_umm.T]
        )
        middle = (at_us - stretch.start_us) / 1e6 * rate_hz
        reach = around_us / 1e6 * rate_hz
        near = slice(max(0, math.floor(middle - reach)), math.ceil(middle + reach))
        highest = float(np.abs(level[near].sum(axis=1)).max())
        found = [
            one
            for one in crossings(
                stretch.strain_umm.sum(axis=1),
                rate_hz=rate_hz,
                least_peak_umm=HIGHEST_SHARE * highest,
            )
            if abs(0.5 * (one.start_s + one.end_s) * rate_hz - middle) <= reach
        ]
        if len(found) != 1:
            raise InsufficientData(
                f"{len(found)} crossings of like size within {AROUND.seconds} s, needed is one: "
                "note the time more closely, or repeat the run with free road"
            )
        rows = slice(
            max(0, round((found[0].start_s - MARGIN_S) * rate_hz)),
            round((found[0].end_s + MARGIN_S) * rate_hz),
        )
        lines = sections.lines("moment")
        return run_of(level[rows], rate_hz=rate_hz, lines=lines, lorry=run.lorry)
    raise InsufficientData("no strain of all sections is stored at that time")
