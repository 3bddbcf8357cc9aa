"""A trained model of a bridge for tests of the store and of the web server."""

from datetime import datetime, timedelta

from twin.model.monitoring import TrainedModel


def trained_model(asset_id: str, *, at: datetime, content: bytes = b"\0model") -> TrainedModel:
    """A model of 200 hours of training that ended an hour ago."""
    return TrainedModel(
        name="compensation",
        asset_id=asset_id,
        version=1,
        purpose="frequencies without temperature",
        owner="bridge-office",
        trained_from=at - timedelta(hours=200),
        trained_until=at - timedelta(hours=1),
        trained_at=at,
        metric=("residual_sd", 0.3, 4800),
        valid={"temperature_cel": (-8.0, 31.5)},
        risk_class="limited",
        content=content,
    )
