"""The city: its model, its store and its use cases.

Public names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module

_HOME = {
    "Arrivals": "twin.model.observations",
    "Asset": "twin.model.assets",
    "Attribute": "twin.model.assets",
    "Batch": "twin.model.observations",
    "City": "twin.model.city",
    "Codec": "twin.ports",
    "CodecContext": "twin.model.messages",
    "Component": "twin.model.assets",
    "Datastream": "twin.model.datastreams",
    "Engine": "twin.ports",
    "Finding": "twin.model.findings",
    "Intervention": "twin.model.scenarios",
    "Message": "twin.model.messages",
    "Network": "twin.model.network",
    "Observation": "twin.model.messages",
    "Outcome": "twin.model.messages",
    "Provenance": "twin.model.provenance",
    "Quality": "twin.model.quality",
    "Quantity": "twin.model.quantities",
    "Readings": "twin.model.observations",
    "Rejection": "twin.model.messages",
    "Result": "twin.model.scenarios",
    "RouterOffer": "twin.plugins",
    "Run": "twin.model.scenarios",
    "Scenario": "twin.model.scenarios",
    "Sensor": "twin.model.datastreams",
    "Settings": "twin.settings",
    "Twin": "twin.city",
    "TwinError": "twin.errors",
    "Waveform": "twin.model.observations",
    "load_settings": "twin.settings",
    "open_twin": "twin.runtime",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - one list of names and homes


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'twin' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
