"""Members of an ensemble: both equilibria again with another demand, warm from those of the run.

A warm equilibrium of a town takes less time than a process needs to begin, so members are solved in
this process, or on a Dask cluster where the network is large. The answer has the same bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from simulations.answering import solving_alone
from simulations.running import traffic_engine
from simulations.sweep import opened_cluster
from twin.errors import SolveError
from twin.model.bases import TrafficBase
from twin.model.packing import pack, unpack
from twin.model.scenarios import Scenario, from_document, to_document
from twin.model.traffic import SolveOptions, TrafficResult
from twin.ports import TrafficEngine

if TYPE_CHECKING:
    from simulations.measures.draws import DemandSpread

Equilibria = tuple[TrafficResult, TrafficResult]
NO_SCENARIO = Scenario("", "")


@dataclass(frozen=True, slots=True)
class Members:
    """What all members share.

    Parameters
    ----------
    scenario
    is_idle
        The scenario changes nothing for traffic: both sides of a member are the same.
    engine
        Name of the installed traffic engine.
    options
        Of one solve; a member has one thread.
    seed, count
        Of the ensemble.
    """

    scenario: Scenario
    is_idle: bool
    engine: str
    options: SolveOptions
    seed: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a member starts from: the base, and the equilibrium of the scenario."""

    base: TrafficBase
    result: TrafficResult
    spread: "DemandSpread"


class Executor(Protocol):
    """Where members are solved."""

    def run(self, start: Start, members: Members) -> Iterator[Equilibria]:
        """Yield base and scenario of each member, in their order."""
        ...


def start_of(base: TrafficBase, result: TrafficResult) -> Start:
    """What the members of a run start from."""
    from simulations.measures.draws import demand_spread  # noqa: PLC0415 - in a prepared process

    return Start(base, result, demand_spread(base))


def solve_member(start: Start, engine: TrafficEngine, members: Members, number: int) -> Equilibria:
    """Base and scenario with the demand of one member.

    Raises
    ------
    SolveError
        If one of them does not reach its gap; names the member.
    """
    from simulations.measures.draws import Draw  # noqa: PLC0415 - in a prepared process

    base = start.base
    demand = Draw(members.seed, number).demand(base.demand, start.spread)
    options = replace(members.options, threads=1)
    before = engine.solve(base.network, demand, None, options=options, warm=base.state)
    after = before
    if not members.is_idle:
        drawn = replace(base, demand=demand, state=start.result)
        after = engine.solve(
            drawn.network, demand, members.scenario, options=options, warm=start.result
        )
    for side in (before, after):
        if side.status != "converged" and side.relative_gap > options.relative_gap:
            raise SolveError(
                f"member {number + 1} stopped at a gap of {side.relative_gap:.1e} instead of "
                f"{options.relative_gap:g}; raise traffic.time_limit_s or ask for no members"
            )
    return before, after


class Here:
    """In this process, one member after the other."""

    def run(self, start: Start, members: Members) -> Iterator[Equilibria]:
        """Yield base and scenario of each member, in their order."""
        engine = traffic_engine(members.engine)
        for number in range(members.count):
            with solving_alone():
                found = solve_member(start, engine, members, number)
            yield found


class OnCluster:
    """An existing Dask cluster; its workers need the same version of this programme.

    Parameters
    ----------
    address
        Of the scheduler, for example ``tcp://10.0.0.5:8786``.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def run(self, start: Start, members: Members) -> Iterator[Equilibria]:
        """Yield base and scenario of each member, in their order.

        Raises
        ------
        PluginError
            If the extra ``dask`` is not installed.
        SolveError
            If the scheduler does not answer, or a member could not be solved.
        """
        with opened_cluster(self._address) as client:
            content = client.scatter((pack(start.base), pack(start.result)), broadcast=True)
            plain = (to_document(members.scenario), replace(members, scenario=NO_SCENARIO))
            futures = [
                client.submit(_member_there, content, plain, number, pure=False, retries=1)
                for number in range(members.count)
            ]
            for number, future in enumerate(futures):
                try:
                    before, after = future.result()
                except SolveError:
                    raise
                except Exception as error:
                    raise SolveError(
                        f"member {number + 1} was lost on the cluster "
                        f"({type(error).__name__}: {error}); ask again"
                    ) from error
                first = unpack(before, TrafficResult)
                yield first, first if after is None else unpack(after, TrafficResult)


_OPENED: dict[bytes, Start] = {}
"""Start of the newest run on this worker of Dask, opened once."""


def _member_there(
    content: tuple[bytes, bytes], plain: tuple[dict[str, object], Members], number: int
) -> tuple[bytes, bytes | None]:
    """One member on a worker of Dask, packed."""
    document, members = plain
    members = replace(members, scenario=from_document(document))
    key = content[1]
    start = _OPENED.get(key)
    if start is None:
        _OPENED.clear()
        start = start_of(unpack(content[0], TrafficBase), unpack(content[1], TrafficResult))
        _OPENED[key] = start
    before, after = solve_member(start, traffic_engine(members.engine), members, number)
    return pack(before), None if members.is_idle else pack(after)
