"""A trained temperature compensation: what it expects, where it holds, and its bytes."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from simulations.monitoring.channels import Bools, Floats
from simulations.monitoring.contents import floats, packed, unpacked
from simulations.monitoring.lags import hinged
from simulations.monitoring.regression import component_scores
from twin.model.monitoring import TrainedModel
from twin.model.times import from_us

KIND = "compensation"
FORMAT_VERSION = 1
RISK = "advises a person; no action follows by itself"

CompensationKind = Literal["temperature", "component"]


@dataclass(frozen=True, slots=True)
class Chart:
    """What the held-out residuals of a training say about the chart of later ones.

    Parameters
    ----------
    sigma : (p,)
        Standard deviation of the residuals, in the unit of each channel.
    explained : (p,)
        Share of the variance that the compensation explains in rows that it did not see.
    slow_sd : (p,)
        Standard deviation of the means of fortnights of the residuals, in the unit of each channel:
        what the compensation leaves for seasons, and a slow trend has to exceed.
    weight
        Weight of the newest residual in the averages, lambda.
    clip
        A residual counts at most that many standard deviations.
    covariance : (p, p)
        Of the averages of standardised residuals.
    limit
        Alarm above this T2.
    false_alarms_per_year
        Stated rate that the limit stands for.
    """

    sigma: Floats
    explained: Floats
    slow_sd: Floats
    weight: float
    clip: float
    covariance: Floats
    limit: float
    false_alarms_per_year: float


@dataclass(frozen=True, slots=True)
class Period:
    """What a training held: valid hours, cold ones among them, and when [us since 1970]."""

    hours: float
    cold_hours: float
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Compensation:
    """Trained compensation of the channels of one asset with the limit of its chart.

    Parameters
    ----------
    kind
        ``temperature`` or, without one, ``component``: then what moves all channels alike cannot be
        told from temperature, and the shares do not name the channel that changed.
    names
        Channels.
    step_us
        Distance of the rows in training [us].
    lags_h, knots_c
        Terms; empty for ``component``.
    mean, scale : (m,)
        Of the terms; for ``component`` of the channels.
    coefficients : (m + 1, p)
        Per standardised term, the constant last; for ``component`` the direction, shape (1, p).
    least, most : (lags,)
        Trained range of the lagged temperatures [Cel]; for ``component`` of the score [-].
    least_channels
        Channels that must be present for a judgement.
    """

    kind: CompensationKind
    names: tuple[str, ...]
    step_us: int
    lags_h: tuple[float, ...]
    knots_c: tuple[float, ...]
    mean: Floats
    scale: Floats
    coefficients: Floats
    least: Floats
    most: Floats
    least_channels: int
    chart: Chart
    period: Period

    def expected(self, drivers: Floats) -> Floats:
        """What the channels should show.

        Parameters
        ----------
        drivers : (n, lags)
            Lagged temperatures [Cel]; for ``component`` the score of the channels, (n, 1).

        Returns
        -------
        (n, p)
            In the unit of each channel.
        """
        if self.kind == "component":
            return self.mean + drivers * self.coefficients * self.scale
        terms = (hinged(drivers, knots_c=self.knots_c) - self.mean) / self.scale
        return terms @ self.coefficients[:-1] + self.coefficients[-1]

    def score(self, value: Floats) -> Floats:
        """Score of the channels (n, p) on the removed component, shape (n, 1)."""
        standard = (value - self.mean) / self.scale
        return component_scores(standard, self.coefficients[0])[:, None]

    def standardised(self, value: Floats, drivers: Floats) -> Floats:
        """Residuals of the channels in their standard deviations, shape (n, p); NaN is missing."""
        return (value - self.expected(drivers)) / self.chart.sigma

    def is_inside(self, drivers: Floats) -> Bools:
        """Whether every driver (n, lags) lies inside its trained range, shape (n, lags)."""
        return (drivers >= self.least) & (drivers <= self.most)

    @property
    def driver_names(self) -> tuple[str, ...]:
        """Names of the drivers with their units."""
        if self.kind == "component":
            return ("component_score",)
        return tuple(f"temperature_lag_{lag:g}h_c" for lag in self.lags_h)

    def entry(
        self, *, asset_id: str, name: str, version: int, owner: str, trained_at: datetime
    ) -> TrainedModel:
        """Entry of the register of models."""
        ends = zip(self.least.tolist(), self.most.tolist(), strict=True)
        return TrainedModel(
            name=name,
            asset_id=asset_id,
            version=version,
            purpose=f"takes the {self.kind} out of {', '.join(self.names)} and charts the rest",
            owner=owner,
            trained_from=from_us(self.period.from_us),
            trained_until=from_us(self.period.until_us),
            trained_at=trained_at,
            metric=(
                "least_explained_share",
                float(np.min(self.chart.explained)),
                int(self.period.hours),
            ),
            valid=dict(zip(self.driver_names, ends, strict=True)),
            risk_class=RISK,
            content=self.content(),
        )

    def content(self) -> bytes:
        """The model as bytes; `restored` reads them."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["basis"] = fields.pop("kind")
        fields["chart"] = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in asdict(self.chart).items()
        }
        fields["period"] = asdict(self.period)
        return packed(KIND, format_version=FORMAT_VERSION, fields=fields)


def restored(content: bytes) -> Compensation:
    """Compensation of `Compensation.content`.

    Raises
    ------
    ModelError
        If the bytes are damaged or of another format.
    """
    fields = unpacked(content, kind=KIND, format_version=FORMAT_VERSION)
    fields["kind"] = fields.pop("basis")
    for name in ("names", "lags_h", "knots_c"):
        fields[name] = tuple(fields[name])
    for name in ("mean", "scale", "coefficients", "least", "most"):
        fields[name] = floats(fields[name])
    chart = fields["chart"]
    for name in ("sigma", "explained", "slow_sd", "covariance"):
        chart[name] = floats(chart[name])
    fields["chart"] = Chart(**chart)
    fields["period"] = Period(**fields["period"])
    return Compensation(**fields)
