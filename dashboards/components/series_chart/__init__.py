"""Time series as a chart with a keyboard cursor."""

from typing import TypedDict, Unpack

from dash.development.base_component import Component


class SeriesChartProps(TypedDict, total=False):
    """Properties of :class:`SeriesChart`; see there."""

    id: str
    className: str
    url: str
    unit: str
    label: str
    lang: str
    timezone: str
    decimals: int
    height: int
    labels: dict[str, str]
    refresh_s: float
    range: dict[str, float]
    error: str


class SeriesChart(Component):
    """Chart of one datastream (uPlot), reloaded while it is on the page.

    Properties that Python sets
    ---------------------------
    id, className
        As everywhere in Dash.
    url
        GET address of a TWT1 table with ``t`` (f64, ms since 1970 UTC, ascending) and either
        ``v`` (f64, NaN marks a gap) with optional ``flag`` (u8, not 0: suspect) or
        ``min``, ``max`` and ``avg``. A new address loads at once.
    unit, label
        Of the value axis; ``label`` also names the chart to a screen reader.
    lang, timezone, decimals
        Number and time formats; the time zone is an IANA name, default that of the browser;
        decimals default 1.
    height
        Height of the plot [CSS px], default 220; the width follows the parent.
    labels
        Texts by key, see :data:`LABELS`.
    refresh_s
        Seconds between reloads; 0 (default) never.

    Properties that the browser sets
    --------------------------------
    range
        ``{"t0", "t1"}`` [ms] of the visible span, when the user changes it by dragging, by plus
        and minus, or back to everything by a double click or Escape.
    error
        Reason why the series could not be loaded; empty if it could.

    Keys: left and right move the cursor by one point, with Shift by ten; Home and End go to the
    ends; plus and minus zoom about the cursor; Escape shows everything. The value under the
    cursor stands below the chart as text.

    For tests the wrapper carries ``data-state`` (``loading``, ``ready``, ``empty``, ``error``),
    ``data-points`` and ``data-cursor``.

    Examples
    --------
    >>> chart = SeriesChart(id="strain", url="/api/series/7?px=600", unit="µm/m", label="Strain")
    >>> chart.to_plotly_json()["props"]["unit"]
    'µm/m'
    """

    _namespace = "twin_map"
    _type = "SeriesChart"

    def __init__(self, **props: Unpack[SeriesChartProps]) -> None:
        self._prop_names = list(SeriesChartProps.__annotations__)
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        props["labels"] = {**LABELS, **props.get("labels", {})}
        super().__init__(**props)


LABELS = {
    "loading": "Loading the series",
    "empty": "No values in this period",
    "failed": "The series cannot be loaded: {reason}",
    "summary": "{label}: {n} points from {from} to {to}, lowest {low}, highest {high} {unit}, "
    "last {last} {unit}",
    "keys": "Arrow keys read the values, Home and End go to the ends, plus and minus zoom.",
    "point": "{time}: {value} {unit}",
    "suspect": "suspect",
    "gap": "no value",
    "band": "{time}: {avg} {unit}, between {low} and {high}",
}
"""English texts of the chart; the property ``labels`` replaces them by key."""
