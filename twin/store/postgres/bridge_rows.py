"""Events, states and models of bridges as rows."""

from datetime import UTC, datetime
from typing import Any

from twin.model.monitoring import BridgeEvent, StateRecord, TrainedModel


def event_columns(event: BridgeEvent) -> dict[str, Any]:
    """Columns of an event."""
    return {
        "asset_id": event.asset_id,
        "kind": event.kind,
        "key": event.key,
        "at": event.at,
        "figure_names": list(event.figures),
        "figure_values": [float(value) for value in event.figures.values()],
        "word_names": list(event.words),
        "word_values": list(event.words.values()),
        "flags": list(event.flags),
    }


def event_row(**columns: Any) -> BridgeEvent:  # noqa: ANN401 - columns
    """Event from its columns."""
    at: datetime = columns["at"]
    return BridgeEvent(
        asset_id=columns["asset_id"],
        kind=columns["kind"],
        key=columns["key"],
        at=at.astimezone(UTC),
        figures=dict(zip(columns["figure_names"], columns["figure_values"], strict=True)),
        words=dict(zip(columns["word_names"], columns["word_values"], strict=True)),
        flags=tuple(columns["flags"]),
    )


def state_columns(state: StateRecord, *, at: datetime) -> dict[str, Any]:
    """Columns of a state."""
    return {
        "asset_id": state.asset_id,
        "name": state.name,
        "format_version": state.format_version,
        "position_us": state.position_us,
        "content": state.content,
        "kept_at": at,
    }


def state_row(**columns: Any) -> StateRecord:  # noqa: ANN401 - columns
    """State from its columns."""
    return StateRecord(**(columns | {"content": bytes(columns["content"])}))


def model_columns(model: TrainedModel) -> dict[str, Any]:
    """Columns of a model."""
    name, value, count = model.metric
    return {
        "name": model.name,
        "asset_id": model.asset_id,
        "version": model.version,
        "purpose": model.purpose,
        "owner": model.owner,
        "trained_from": model.trained_from,
        "trained_until": model.trained_until,
        "trained_at": model.trained_at,
        "metric_name": name,
        "metric_value": float(value),
        "metric_count": count,
        "valid_names": list(model.valid),
        "valid_least": [float(least) for least, _ in model.valid.values()],
        "valid_most": [float(most) for _, most in model.valid.values()],
        "risk_class": model.risk_class,
        "content": model.content,
    }


def model_row(**columns: Any) -> TrainedModel:  # noqa: ANN401 - columns
    """Model from its columns."""
    limits = zip(columns.pop("valid_least"), columns.pop("valid_most"), strict=True)
    columns["valid"] = dict(zip(columns.pop("valid_names"), limits, strict=True))
    metric = [columns.pop(f"metric_{name}") for name in ("name", "value", "count")]
    for name in ("trained_from", "trained_until", "trained_at"):
        columns[name] = columns[name].astimezone(UTC)
    columns["content"] = bytes(columns["content"])
    return TrainedModel(metric=(metric[0], metric[1], metric[2]), **columns)
