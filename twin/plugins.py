"""Plugins by entry point: jobs, codecs, engines, routers; built-in ones register the same way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from twin.errors import PluginError

GROUPS = (
    "jobs",
    "codecs",
    "importers",
    "traffic_engines",
    "structural_models",
    "routers",
    "layers",
    "checks",
    "backfill",
)


@dataclass(frozen=True, slots=True)
class RouterOffer:
    """HTTP and WebSocket routes that an edge offers to the web server.

    Parameters
    ----------
    prefix
        Address below which all its routes lie, for example ``/api/geo``.
    router
        The FastAPI router; typed ``object`` so that ``twin`` needs no FastAPI.
    permissions
        Permission by route name.
    """

    prefix: str
    router: object
    permissions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An entry point that did not load, and why."""

    group: str
    name: str
    reason: str


def find(group: str) -> Mapping[str, EntryPoint]:
    """Entry points of ``stadtzwilling.<group>`` by name, not loaded yet.

    Raises
    ------
    PluginError
        If two installed distributions claim the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"stadtzwilling.{group}"):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise PluginError(
                f"{group} {point.name!r} is offered twice: {other.value} and {point.value}; "
                "uninstall one of the two distributions"
            )
        found[point.name] = point
    return MappingProxyType(found)


def load(group: str, name: str) -> Callable[..., object] | object:
    """Load one plugin.

    Raises
    ------
    PluginError
        If there is none of this name, or it cannot be imported; names the known ones.
    """
    points = find(group)
    if name not in points:
        known = ", ".join(sorted(points)) or "none"
        raise PluginError(f"no {group} plugin {name!r} is installed; installed: {known}")
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{group} plugin {name!r} ({points[name].value}) does not load: {error}; "
            "reinstall the distribution that offers it"
        ) from error


def load_all(group: str) -> tuple[Mapping[str, object], Sequence[BrokenPlugin]]:
    """Load every plugin of a group; one that fails is listed and stops nobody else."""
    loaded: dict[str, object] = {}
    broken: list[BrokenPlugin] = []
    for name in find(group):
        try:
            loaded[name] = load(group, name)
        except PluginError as error:
            broken.append(BrokenPlugin(group, name, str(error)))
    return MappingProxyType(loaded), tuple(broken)
