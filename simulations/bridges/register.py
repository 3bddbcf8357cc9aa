"""The register of trained models: the newest one that this version can read, or a new one."""

from collections.abc import Callable

from simulations.bridges.inputs import Bridge
from twin.errors import ModelError
from twin.model.monitoring import TrainedModel


def newest(
    bridge: Bridge, name: str, restore: Callable[[bytes], object]
) -> tuple[TrainedModel | None, int]:
    """The newest registered model that can be read, and the version for the next one."""
    models = [item for item in bridge.twin.bridges.models(bridge.asset.id) if item.name == name]
    version = 1 + max((item.version for item in models), default=0)
    for model in sorted(models, key=lambda item: -item.version):
        try:
            restore(model.content)
        except (ModelError, KeyError, TypeError, ValueError):
            continue
        return model, version
    return None, version
