"""Classes of roads: the words of other registers, and which roads a map shows from far away."""

from collections.abc import Mapping
from types import MappingProxyType

from twin.model.assets import Asset

ROAD_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "trunk": "motorway",
        "primary": "arterial",
        "secondary": "collector",
        "tertiary": "collector",
        "unclassified": "residential",
    }
)
"""Words of other road registers for the classes of ``road_classes.csv``."""
MAIN = frozenset({"motorway", "ramp", "rural", "arterial"})
"""Classes that show the shape of a city; maps draw them at every zoom."""
COLLECTING = frozenset({"collector"})
"""Classes that maps draw when a town fills the picture; all others are local."""


def road_class(asset: Asset) -> str:
    """Class of a road section, a key of ``road_classes.csv`` where the word is known.

    Empty if the section says none.
    """
    said = asset.attribute("road_class")
    word = "" if said is None else str(said.value).strip()
    return ROAD_CLASSES.get(word, word)
