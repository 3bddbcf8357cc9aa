"""Colours of maps and charts: ramps, classes, condition bands.

The light end of most ramps is hard to see on the light basemap. Therefore every coloured line and
symbol is drawn over a darker casing (:data:`CASING`), and colour is never the only carrier: each
class has its own symbol and label, and what has no data is hatched as well as grey.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

BASEMAP = "#f4f2ee"
CASING = "#2b2b2b"
NO_DATA = "#767676"
WATER = "#b9d3e6"
BUILDING = "#dcd8cf"
GREEN = "#d9e6d2"
SELECTION = "#d4007a"
CLOSED = "#b2182b"
ENTRIES = 255
"""Bytes 0 to 254 have a colour; 255 means no data."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """Colours of a channel: between the stops for numbers, one stop per code for classes."""

    kind: Literal["linear", "class"]
    stops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConditionBand:
    """One band of the German condition grade (Zustandsnote, RI-EBW-PRÜF)."""

    low: float
    high: float
    symbol: str
    colour: str
    label_de: str
    label_en: str

    @property
    def text(self) -> str:
        """Range of the band as it stands in labels."""
        return f"{self.low:.1f}-{self.high:.1f}"


@dataclass(frozen=True, slots=True)
class StateStyle:
    """How a state is shown: never by colour alone."""

    key: str
    symbol: str
    colour: str


CONDITION_BANDS = (
    ConditionBand(1.0, 1.4, "○", "#4575b4", "sehr gut", "very good"),
    ConditionBand(1.5, 1.9, "◔", "#91bfdb", "gut", "good"),
    ConditionBand(2.0, 2.4, "◑", "#e0f3f8", "befriedigend", "satisfactory"),
    ConditionBand(2.5, 2.9, "◕", "#fee090", "ausreichend", "sufficient"),
    ConditionBand(3.0, 3.4, "●", "#fc8d59", "nicht ausreichend", "insufficient"),
    ConditionBand(3.5, 4.0, "◆", "#d73027", "ungenügend", "inadequate"),
)

MONITORING_STATES = (
    StateStyle("no_data", "–", NO_DATA),  # noqa: RUF001 - the sign shown for "nothing"
    StateStyle("data_fault", "?", "#7b3294"),
    StateStyle("learning", "L", "#5e81ac"),
    StateStyle("not_armed", "○", "#9aa5b1"),
    StateStyle("normal", "✓", "#1b7837"),
    StateStyle("warning", "!", "#e08214"),
    StateStyle("alarm", "‼", "#b2182b"),
)
"""Monitoring states of an asset in the order of their class codes."""

QUALITIES = (
    StateStyle("good", "✓", "#1b7837"),
    StateStyle("suspect", "?", "#e08214"),
    StateStyle("stale", "⏱", NO_DATA),
    StateStyle("never_reported", "–", NO_DATA),  # noqa: RUF001 - the sign shown for "nothing"
    StateStyle("estimated", "≈", "#5e81ac"),
    StateStyle("simulated", "S", "#7b3294"),
    StateStyle("disabled", "×", NO_DATA),  # noqa: RUF001 - a sign, not a letter
    StateStyle("out_of_range", "↕", "#b2182b"),
)
"""Qualities of a value in the order of :class:`dashboards.live.quantise.Quality`."""

RAMPS = {
    # Cividis: Nuñez, Anderton, Renslow, "Optimizing colormaps with consideration for color vision
    # deficiency", 2018; ten of its colours, linear between them.
    "magnitude": Ramp(
        "linear",
        (
            "#00204d",
            "#00336f",
            "#39486b",
            "#575c6d",
            "#707173",
            "#8a8779",
            "#a69d75",
            "#c4b56c",
            "#e4cf5b",
            "#ffea46",
        ),
    ),
    "difference": Ramp("linear", ("#0b559f", "#6ea6d0", "#ffffff", "#f4a04a", "#b35806")),
    "condition": Ramp("class", tuple(band.colour for band in CONDITION_BANDS)),
    "monitoring": Ramp("class", tuple(style.colour for style in MONITORING_STATES)),
    "quality": Ramp("class", tuple(style.colour for style in QUALITIES)),
}


def condition_band(grade: float | None) -> int | None:
    """Index of the condition band of a grade, which is its class code; None if not graded.

    Grades have one decimal; anything finer is rounded to it first.

    Raises
    ------
    ModelError
        If the grade is not between 1.0 and 4.0.
    """
    if grade is None:
        return None
    for index, band in enumerate(CONDITION_BANDS):
        if band.low <= round(grade, 1) <= band.high:
            return index
    raise ModelError(f"a condition grade is between 1.0 and 4.0, got {grade:g}; check the source")


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255 of a colour such as ``#f4f2ee``."""
    number = int(colour.removeprefix("#"), 16)
    return number >> 16, number >> 8 & 255, number & 255


def ramp_colours(name: str) -> NDArray[np.uint8]:
    """Colour of every byte on a ramp, shape (255, 3), exactly as the map draws it.

    Codes of a class ramp beyond its last class have the no-data colour.
    """
    ramp = RAMPS[name]
    stops = np.array([rgb(stop) for stop in ramp.stops], dtype=np.float64)
    if ramp.kind == "class":
        colours = np.tile(np.array(rgb(NO_DATA), dtype=np.uint8), (ENTRIES, 1))
        colours[: len(stops)] = stops
        return colours
    position = np.linspace(0, len(stops) - 1, ENTRIES)
    channels = [np.interp(position, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.floor(np.stack(channels, axis=1) + 0.5).astype(np.uint8)


def ramps_for_map() -> dict[str, dict[str, object]]:
    """All ramps as the ``ramps`` property of ``TwinMap``."""
    return {
        name: {"kind": ramp.kind, "stops": list(ramp.stops)} for name, ramp in sorted(RAMPS.items())
    }


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours after WCAG 2.2, from 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = np.array(rgb(colour)) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB transfer function
    return float(linear @ (0.2126, 0.7152, 0.0722))
