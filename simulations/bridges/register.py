"""The register of trained models: the newest and the oldest one that this version can read."""

from collections.abc import Callable, Iterable

from simulations.bridges.inputs import Bridge
from twin.errors import ModelError
from twin.model.monitoring import TrainedModel


def newest(
    bridge: Bridge, name: str, restore: Callable[[bytes], object]
) -> tuple[TrainedModel | None, int]:
    """The newest registered model that can be read, and the version for the next one."""
    models = [item for item in bridge.twin.bridges.models(bridge.asset.id) if item.name == name]
    version = 1 + max((item.version for item in models), default=0)
    return _readable(sorted(models, key=lambda item: -item.version), restore), version


def oldest(bridge: Bridge, name: str, restore: Callable[[bytes], object]) -> TrainedModel | None:
    """The oldest registered model that can be read: what is compensated keeps to its level."""
    models = [item for item in bridge.twin.bridges.models(bridge.asset.id) if item.name == name]
    return _readable(sorted(models, key=lambda item: item.version), restore)


def _readable(
    models: Iterable[TrainedModel], restore: Callable[[bytes], object]
) -> TrainedModel | None:
    for model in models:
        try:
            restore(model.content)
        except (ModelError, KeyError, TypeError, ValueError):
            continue
        return model
    return None
