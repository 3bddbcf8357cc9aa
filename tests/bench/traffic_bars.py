"""The bars of the traffic engine: what must hold, printed as met or missed."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure beside its threshold.

    ``lower``: small figures are good. ``is_bound``: the figure is at least this large, so that one
    below the threshold is neither met nor missed; a higher ``--limit`` would tell.
    """

    name: str
    figure: float
    threshold: float
    lower: bool = False
    is_bound: bool = False

    @property
    def is_met(self) -> bool:
        if self.lower:
            return self.figure <= self.threshold
        return self.figure >= self.threshold

    def line(self) -> str:
        sign, bound = "<=" if self.lower else ">=", ">= " if self.is_bound else ""
        verdict = "met" if self.is_met else "open" if self.is_bound else "MISSED"
        return (
            f"  {verdict:<6} {self.name}: {bound}{self.figure:.3g} (bar {sign} {self.threshold:g})"
        )


@dataclass(slots=True)
class Bars:
    """All bars of a run in their order."""

    rows: list[Bar] = field(default_factory=list)

    def add(self, name: str, figure: float, threshold: float, **kind: bool) -> None:
        """Note a bar and print it."""
        bar = Bar(name, figure, threshold, **kind)
        self.rows.append(bar)
        print(bar.line(), flush=True)

    def summary(self) -> str:
        missed = [bar for bar in self.rows if not bar.is_met]
        head = f"{len(self.rows) - len(missed)} of {len(self.rows)} bars met"
        return "\n".join([head, *(bar.line() for bar in missed)])


AEQUILIBRAE_BARS = {
    # Kind of network: times faster to 1e-4, times faster to 1e-6.
    "small": (8.0, 40.0),
    "large": (15.0, None),
    "coquimbo": (8.0, None),
    "given": (8.0, 40.0),
    "large given": (15.0, None),
    "plain": (8.0, None),
}
PYTRAF_CONGESTED, PYTRAF_NEVER_SLOWER = 1.5, 1.0
"""Times faster than pytraf: where the mean ratio of volume and capacity is high, and everywhere."""
MOST_PASSES = {0.6: 12, 0.8: 18}
WARM_RATIO, WARM_WALL_S = 3.0, 1.0
WARM_LOADINGS = {"small": 6.0, "large": 4.0}
PER_LOADING = 1.5
TWO_CLASSES = 2.2
SWEEP_EFFICIENCY = 0.8
"""Section 20 of the specification, and the issue where it says more."""
