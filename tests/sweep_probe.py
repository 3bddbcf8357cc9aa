"""A sweep in a process of its own; prints what became of each scenario as JSON.

``python sweep_probe.py processes|cluster NAME...``, where a name is that of a scenario.
"""

import hashlib
import json
import sys

from free_flow import FreeFlow, river_base

from simulations.answering import Answer, answer
from simulations.sweep import Cluster, Executor, Plan, Processes, sweep
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions

PLAN = Plan("free_flow", SolveOptions(), parts=("report", "links"))


def scenario(name: str) -> Scenario:
    """Close the fast bridge one way; ``none`` changes nothing, the way is that of the name."""
    if name == "none":
        return Scenario(name, "today")
    way = "4-2" if name.startswith("back") else "1-2"
    return Scenario(name, "today", (Intervention("close_link", (way,)),))


def bits(found: Answer | None) -> str:
    """Hash of the columns per link; empty without an answer."""
    return "" if found is None else hashlib.sha256(found.parts["links"]).hexdigest()


def main(kind: str, names: list[str]) -> None:
    """Run the sweep and print its outcomes in the order in which they come."""
    scenarios = [scenario(name) for name in names]
    base = river_base()
    if kind == "single":
        for item in scenarios:
            found = answer(base, FreeFlow(), scenario=item, options=PLAN.single())
            print(json.dumps([item.name, bits(found), ""]))
        return
    executor: Executor = Processes(2) if kind == "processes" else Cluster(kind)
    for outcome in sweep(base, scenarios, PLAN, executor=executor):
        print(json.dumps([outcome.scenario.name, bits(outcome.answer), outcome.reason]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
