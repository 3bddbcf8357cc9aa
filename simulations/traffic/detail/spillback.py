"""The spillback check of a whole city with UXsim, for several platoon sizes."""

import time
from dataclasses import dataclass, field

from simulations.traffic.detail import child, uxsim
from simulations.traffic.detail.departures import DepartureProfile
from twin.errors import DetailError
from twin.model.detail import SpillbackResult
from twin.model.network import Network
from twin.model.traffic import TrafficResult
from twin.ports import SolveControl

LEAST_SIZES = 2


@dataclass(frozen=True, slots=True)
class SpillbackOptions:
    """How a city is checked for spillback.

    Parameters
    ----------
    platoons : tuple[int, ...]
        At least two sizes, ascending; the result says how far they disagree.
    seed : int
    profile : DepartureProfile
    clearance_s : float
        Time after the period in which queues may still dissolve [s].
    time_limit_s : float
        For all sizes together.
    """

    platoons: tuple[int, ...] = (5, 10)
    seed: int = 1
    profile: DepartureProfile = field(default_factory=DepartureProfile)
    clearance_s: float = 900.0
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        if len(set(self.platoons)) < LEAST_SIZES or sorted(self.platoons) != list(self.platoons):
            raise DetailError(
                f"at least {LEAST_SIZES} ascending platoon sizes are needed to know how much the "
                f"result depends on them; got {self.platoons}"
            )


def check(
    network: Network,
    static: TrafficResult,
    *,
    installed: child.Uxsim,
    options: SpillbackOptions | None = None,
    control: SolveControl | None = None,
) -> SpillbackResult:
    """Queues of all streets, and where they cover a whole link.

    Parameters
    ----------
    network : Network
        The network that ``static`` was solved on.
    static : TrafficResult
        Equilibrium with its paths.
    installed : Uxsim
        From ``child.locate_uxsim``.
    options : SpillbackOptions, optional
    control : SolveControl, optional

    Raises
    ------
    DetailError
        If no path uses a street, UXsim fails, the time limit is reached or the check is
        cancelled.
    """
    chosen = options or SpillbackOptions()
    given = uxsim.city(network, static.paths, classes=static.classes)
    deadline = time.monotonic() + chosen.time_limit_s
    answers: dict[int, str] = {}
    with child.workplace() as folder:
        for platoon in chosen.platoons:
            job = uxsim.job(
                given,
                chosen.profile,
                platoon=platoon,
                seed=chosen.seed,
                clearance_s=chosen.clearance_s,
            )
            answers[platoon] = child.simulate_city(
                installed,
                job,
                folder=folder / f"platoon{platoon}",
                watch=child.watch(deadline, control, f"platoons of {platoon}"),
            )
    return uxsim.result(
        given,
        answers,
        seed=chosen.seed,
        period_s=chosen.profile.duration_s,
        version=installed.version,
        mode=installed.mode,
    )
