"""Indicators and short-term forecasts of counted traffic at a place, with what they rest on."""

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulations.counting import Counter, Values, interval_means, interval_start
from simulations.traffic import forecast as fc
from simulations.traffic import kpi
from twin.city import Twin
from twin.errors import ModelError
from twin.model.network import Network
from twin.model.statements import documents
from twin.model.traffic_state import TrafficState

HOUR = timedelta(hours=1)
STEP_MINUTES = 15
HORIZONS_MINUTES = (15, 30, 60)
HOURS_OF_YEAR = 8760
LEAST_DAYS = 21
"""Three weeks: a day-type profile from fewer says little of the days it has not seen."""
NO_HOLIDAYS = "public and school holidays of this place are not known here: they count as workdays"
TOO_SHORT = "the series has {days} days with counts; {least} are needed to judge a forecast"
NO_CANDIDATE = "no model beats the day-type profile plus regression on the current deviation"
NOT_VALID_NOW = (
    "the running error of the last 24 h is more than 1.5 times that of the test, or the interval "
    "covers less than 80 %"
)

Document = dict[str, Any]


def indicators_state(
    twin: Twin, asset: str, chosen: Sequence[Counter], *, zone: ZoneInfo, days: int
) -> TrafficState:
    """DTV by kind of day, MSV30, heavy share and coverage of each direction and of both."""
    now = twin.now()
    local = interval_start(now, HOUR).astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    start = datetime.fromtimestamp((midnight - timedelta(days=days)).timestamp(), tz=now.tzinfo)
    end = datetime.fromtimestamp(midnight.timestamp(), tz=now.tzinfo)
    rows, totals = [], {"all": [], "heavy": []}
    for item in chosen:
        every, heavy = (
            np.full(round((end - start) / HOUR), np.nan)
            if stream is None
            else interval_means(twin, stream, start=start, end=end, step=HOUR)
            for stream in (item.every, item.heavy)
        )
        rows.append({"direction": item.direction, **_indicators(every, heavy, start, zone)})
        totals["all"].append(every)
        totals["heavy"].append(heavy)
    both = [np.sum(totals[name], axis=0) for name in ("all", "heavy")]
    content = {
        "asset": asset,
        "from": start.astimezone(zone).isoformat(),
        "until": end.astimezone(zone).isoformat(),
        "rows": rows,
        "total": _indicators(both[0], both[1], start, zone),
        "assumptions": documents([NO_HOLIDAYS]),
        "provenance": _kinds(chosen),
    }
    return TrafficState("indicators", asset, now, json.dumps(content, allow_nan=False))


def _kinds(chosen: Sequence[Counter]) -> list[str]:
    return sorted({item.every.provenance for item in chosen if item.every})


def _indicators(every: Values, heavy: Values, start: datetime, zone: ZoneInfo) -> Document:
    days = kpi.daily_volumes(every, start, zone=zone)
    calendar = kpi.Calendar()
    found = {
        "dtv": kpi.mean_daily_traffic(days, calendar),
        "dtv_workday": kpi.mean_daily_traffic(days, calendar, kind="workday"),
        "dtv_sunday": kpi.mean_daily_traffic(days, calendar, kind="sunday"),
        "msv30": kpi.design_hour(every, hours_of_year=HOURS_OF_YEAR),
    }
    known = np.isfinite(every) & np.isfinite(heavy)
    share = kpi.heavy_share(float(heavy[known].sum()), float(every[known].sum()))
    return {
        "values": {
            name: {
                "value": _finite(item.value),
                "unit": item.unit,
                "coverage": item.coverage,
                "days": item.days,
                "is_estimated": item.is_estimated,
            }
            for name, item in found.items()
        },
        "heavy_share": _finite(share),
        "coverage": kpi.coverage(every),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def forecast_state(
    twin: Twin,
    asset: str,
    chosen: Sequence[Counter],
    *,
    zone: ZoneInfo,
    days: int,
    network: Network | None = None,
) -> TrafficState:
    """Forecast of each direction for 15, 30 and 60 min, or why there is none."""
    now = twin.now()
    step = timedelta(minutes=STEP_MINUTES)
    end = interval_start(now, step)
    start = end - timedelta(days=days)
    rows = []
    for item in chosen:
        if item.every is None:
            continue
        values = interval_means(twin, item.every, start=start, end=end, step=step)
        capacity = _capacity(network, item.direction)
        found = forecasts(values, start, zone=zone, capacity_vehh=capacity)
        rows.append({"direction": item.direction, "capacity_vehh": _finite(capacity), **found})
    content = {
        "asset": asset,
        "from": start.astimezone(zone).isoformat(),
        "until": end.astimezone(zone).isoformat(),
        "step_minutes": STEP_MINUTES,
        "rows": rows,
        "assumptions": documents([NO_HOLIDAYS]),
        "provenance": _kinds(chosen),
    }
    return TrafficState("forecast", asset, now, json.dumps(content, allow_nan=False))


def _capacity(network: Network | None, direction: str) -> float:
    if network is None or direction not in network.link_name:
        return math.inf
    return float(network.capacity_pceh[network.link_name.index(direction)])


def forecasts(
    values: Values,
    start: datetime,
    *,
    zone: ZoneInfo,
    capacity_vehh: float = math.inf,
    step_minutes: int = STEP_MINUTES,
    horizons: Sequence[int] = HORIZONS_MINUTES,
) -> Document:
    """Judge all models on a later block of time and forecast with the one that passed, if any.

    Parameters
    ----------
    values : (rows,)
        Flow [veh/h] up to now; NaN where missing.
    capacity_vehh
        Above 85 % of it traffic counts as congested; without one the highest tenth does.
    """
    known = np.isfinite(values)
    counted_days = float(known.sum()) * step_minutes / fc.MINUTES_PER_DAY
    if counted_days < LEAST_DAYS:
        said = TOO_SHORT.format(days=f"{counted_days:.0f}", least=LEAST_DAYS)
        return {"status": "none", "reasons": documents([said]), "horizons": []}
    congested = _congested(values, capacity_vehh)
    out = []
    for minutes in horizons:
        ahead = fc.rows_ahead(timedelta(minutes=minutes), step_minutes=step_minutes)
        padded = np.append(values, np.full(ahead, np.nan))
        series = fc.history(padded, start, step_minutes=step_minutes, zone=zone)
        try:
            found = fc.evaluate(series, np.append(congested, np.zeros(ahead, bool)), horizon=ahead)
        except ModelError as error:
            return {"status": "none", "reasons": documents([str(error)]), "horizons": []}
        out.append(_horizon(found, series, minutes=minutes, step_minutes=step_minutes))
    shown = any(item["status"] == "shown" for item in out)
    return {"status": "shown" if shown else "none", "reasons": [], "horizons": out}


def _congested(values: Values, capacity_vehh: float) -> np.ndarray:
    limit = fc.NEAR_CAPACITY * capacity_vehh
    if not math.isfinite(limit):
        limit = float(np.nanquantile(values, 0.9))
    return np.nan_to_num(values) > limit


def _horizon(
    found: fc.Evaluation, series: fc.History, *, minutes: int, step_minutes: int
) -> Document:
    scores = {
        name: {
            "mae": _finite(item.mae),
            "mae_congested": _finite(item.mae_congested),
            "coverage": _finite(item.coverage),
            "rows": item.rows,
        }
        for name, item in found.scores.items()
    }
    told: Document = {"minutes": minutes, "scores": scores, "model": found.shipped}
    if found.predictor is None or found.shipped not in fc.CANDIDATES:
        why = [f"{name}: {reason}" for name, reason in found.refusals.items()]
        return told | {"status": "none", "reasons": documents([NO_CANDIDATE, *why])}
    predicted = found.predictor(series)
    issue = len(series.value) - found.horizon - 1
    band = found.bands[found.shipped]
    low, high = band.around(predicted)
    last = issue - found.horizon + 1
    day = slice(max(0, last - fc.MINUTES_PER_DAY // step_minutes), last)
    aims = slice(day.start + found.horizon, day.stop + found.horizon)
    valid = fc.is_valid_now(
        predicted[day], low[day], high[day], observed=series.value[aims],
        tested_mae=found.scores[found.shipped].mae,
    )  # fmt: skip
    if not valid or not np.isfinite(predicted[issue]):
        return told | {"status": "not_valid_now", "reasons": documents([NOT_VALID_NOW])}
    error = np.abs(predicted[day] - series.value[aims])
    return told | {
        "status": "shown",
        "reasons": [],
        "flow_vehh": float(predicted[issue]),
        "low_vehh": float(low[issue]),
        "high_vehh": float(high[issue]),
        "running_mae": _finite(float(np.nanmean(error))),
    }
