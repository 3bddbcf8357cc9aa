"""Bearings that no longer follow the temperature of their bridge as they used to."""

import json
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from simulations.bridges.derived import (
    COMPENSATED,
    derived_stream,
    readings_of,
    unwritten,
)
from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats
from simulations.bridges.register import newest, oldest
from simulations.bridges.retraining import anew
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.soundness import refuse_unfit
from simulations.bridges.streamwise import Seen, streamwise
from simulations.monitoring.lags import lagged
from simulations.monitoring.trend import Expansion, bearing_motion, expansion
from twin.errors import InsufficientData, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import TrainedModel
from twin.model.observations import Readings
from twin.model.refusals import LackingError
from twin.model.times import from_us, to_us
from twin.rules.diagnosis import RULE_VERSION, Symptoms, diagnose

NAME = "bearing"
VERSION = "2"
OWNER = "stadtzwilling"
RECENT_D = 21
KEPT_BACK_D = 60
REVERSED_PERCENT = -50.0
"""A bearing that moves half as far the other way does not lock: the sensor is turned round."""
NEW_H = 24
"""Hours written at every look: late readings of a day are taken in."""
LEAST_D = 60
"""Shortest record that may teach how a bearing moves [d]."""
RULE = "bearing_locked"
RISK = "advises a person; no action follows by itself"


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge measures the travel of a bearing or joint beside its temperature."""
    return bool(bridge.of("displacement")) and bool(bridge.of("structure_temperature"))


def look(bridge: Bridge) -> Found:
    """Compare the travel per kelvin of the last weeks with the learned one."""
    warm = bridge.of("structure_temperature")[0]
    streams = bridge.of("displacement")
    return streamwise(NAME, streams, lambda stream: _seen(bridge, stream, warm))


def _seen(bridge: Bridge, stream: Datastream, warm: Datastream) -> Seen:
    columns = bridge.hourly([stream.uid, warm.uid])
    model, new = _learned(bridge, stream, columns, warm)
    readings = _shown(bridge, stream, columns, warm, model, is_first=bool(new))
    try:
        trained_until_us = to_us(model.trained_until)
        for uid in (stream.uid, warm.uid):
            refuse_unfit(columns, uid, trained_until_us=trained_until_us)
        now = _recent(stream, columns, warm, lag_h=_restored(model.content).lag_h)
    except (InsufficientData, NotAvailable) as error:
        return Seen(readings, new, refusal=error)
    recent = columns.time_us > columns.time_us[-1] - RECENT_D * 24 * HOUR_US
    warmth = columns.value[warm.uid][recent]
    found = _findings(bridge, stream, model, now, warmth)
    if not new and not found:
        new = _anew(bridge, stream, columns, warm, model)
    return Seen(readings, new, found)


def _learned(
    bridge: Bridge, stream: Datastream, columns: Columns, warm: Datastream
) -> tuple[TrainedModel, tuple[TrainedModel, ...]]:
    name = f"{NAME}.{stream.uid}"
    registered, version = newest(bridge, name, _restored)
    if registered is not None:
        return registered, ()
    model = _trained(bridge, stream, columns, warm, version)
    return model, (model,)


def _anew(
    bridge: Bridge, stream: Datastream, columns: Columns, warm: Datastream, known: TrainedModel
) -> tuple[TrainedModel, ...]:
    """The next version where it is due."""
    return anew(
        bridge,
        known,
        columns.time_us[_is_old(columns)],
        rules=(RULE,),
        train=lambda: _trained(
            bridge, stream, columns, warm, newest(bridge, known.name, _restored)[1]
        ),
    )


def _is_old(columns: Columns) -> NDArray[np.bool_]:
    """Rows that are not kept back, (n,)."""
    return np.asarray(columns.time_us <= columns.time_us[-1] - KEPT_BACK_D * 24 * HOUR_US)


def _trained(
    bridge: Bridge, stream: Datastream, columns: Columns, warm: Datastream, version: int
) -> TrainedModel:
    old = _is_old(columns)
    if np.count_nonzero(old) < LEAST_D * 24:
        days = {"days": len(columns) // 24, "least": LEAST_D, "newest": KEPT_BACK_D}
        raise LackingError(Phrase("wait.record_days", {key: float(days[key]) for key in days}))
    known = expansion(
        columns.time_us[old], columns.value[stream.uid][old], columns.value[warm.uid][old]
    )
    content = json.dumps({name: getattr(known, name) for name in Expansion.__slots__}).encode()
    span = columns.value[warm.uid][old]
    return TrainedModel(
        name=f"{NAME}.{stream.uid}",
        asset_id=bridge.asset.id,
        version=version,
        purpose=f"travel of {stream.uid} per kelvin of the structure",
        owner=OWNER,
        trained_from=from_us(int(columns.time_us[0])),
        trained_until=from_us(int(columns.time_us[old][-1])),
        trained_at=bridge.now,
        metric=("slope_mm_per_k", known.slope_mm_per_k, known.days),
        valid={"structure_temperature_c": (float(np.nanmin(span)), float(np.nanmax(span)))},
        risk_class=RISK,
        content=content,
    )


def _restored(content: bytes) -> Expansion:
    return Expansion(**json.loads(content))


def _recent(stream: Datastream, columns: Columns, warm: Datastream, *, lag_h: float) -> Expansion:
    new = columns.time_us > columns.time_us[-1] - RECENT_D * 24 * HOUR_US
    return expansion(
        columns.time_us[new],
        columns.value[stream.uid][new],
        columns.value[warm.uid][new],
        lag_h=lag_h,
    )


def _shown(
    bridge: Bridge,
    stream: Datastream,
    columns: Columns,
    warm: Datastream,
    model: TrainedModel,
    *,
    is_first: bool,
) -> Readings:
    """Travel at the middle of the first trained temperatures, in hours that are not stored yet."""
    known = _restored(model.content)
    average = lagged(columns.time_us, columns.value[warm.uid], lags_h=(known.lag_h,))[:, 0]
    first = oldest(bridge, model.name, _restored) or model
    middle = sum(first.valid["structure_temperature_c"]) / 2.0
    value = columns.value[stream.uid] - known.slope_mm_per_k * (average - middle)
    derived = derived_stream(bridge, f"{stream.route_key}#{COMPENSATED}")
    latest_h = len(columns) if is_first else NEW_H
    shown = unwritten(bridge, derived, columns.time_us, latest_h=latest_h)
    return readings_of(derived, columns.time_us[shown], value[shown])


def _findings(
    bridge: Bridge, stream: Datastream, model: TrainedModel, now: Expansion, warmth: Floats
) -> tuple[Finding, ...]:
    known = _restored(model.content)
    least, most = model.valid["structure_temperature_c"]
    inside = bool(np.nanmin(warmth) >= least and np.nanmax(warmth) <= most)
    motion = bearing_motion(now, expected_mm_per_k=known.slope_mm_per_k)
    if motion not in ("locked", "hindered"):
        return ()
    share = 100.0 * now.slope_mm_per_k / known.slope_mm_per_k
    trained_cel = model.valid["structure_temperature_c"]
    symptoms = Symptoms(
        is_temperature_trained=inside, trained_cel=trained_cel, lasted_d=float(now.days)
    )
    diagnosis = diagnose(symptoms)
    is_reversed = share < REVERSED_PERCENT
    values: dict[str, float | str] = {
        "channel": stream.uid,
        "share": share,
        "slope": now.slope_mm_per_k,
        "expected": known.slope_mm_per_k,
    }
    measured = Reason(
        Phrase(
            "reason.predicted",
            {"predicted": known.slope_mm_per_k, "measured": now.slope_mm_per_k, "unit": "mm/K"},
        ),
        value=now.slope_mm_per_k,
        unit="mm/K",
        limit=known.slope_mm_per_k,
        source=f"{now.days} d, {now.least_mm_per_k:.3f} to {now.most_mm_per_k:.3f} mm/K",
        cause="structure",
        speaks="for",
    )
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule=RULE,
            rule_version=RULE_VERSION,
            severity="warning",
            key=stream.uid,
            statement=Phrase("bearing_reversed" if is_reversed else "bearing_locked", values),
            next_step=Phrase(
                "step.check_sensor" if is_reversed else "step.inspect_bearing",
                {"channel": stream.uid},
            ),
            at=bridge.now,
            cause="sensor_fault" if is_reversed else diagnosis.cause,
            reasons=(measured, *diagnosis.reasons),
            evidence=(EvidenceWindow(stream.uid, bridge.now - timedelta(days=90), bridge.now),),
        ),
    )


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look, is_structural=True)
