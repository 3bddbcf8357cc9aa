"""The job ``select``: who uses a bridge or a link, from where to where and in which class."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.capacity import capacity_of, prepare_process
from simulations.detailing import links_of, state
from simulations.running import engine_of, open_base
from simulations.watching import Told
from simulations.whatif import read_scenario
from simulations.wording import Words, listed
from twin.model.bases import StoredBase
from twin.model.network import Network
from twin.model.statements import documents
from twin.model.traffic import TrafficResult
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

if TYPE_CHECKING:
    from simulations.traffic.selectlink import Selection

SHOWN_PAIRS = 15
Content = Mapping[str, object]


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Say who uses a bridge or a link: trips by class, and from where to where."""
    options = _parser(settings).parse_args(arguments)
    scenario = read_scenario(options.scenario) if options.scenario else None
    told = Told(stop_on_signal())
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    twin = open_twin(settings, role="work")
    try:
        name = options.base or (scenario.base if scenario else settings.traffic.base)
        stored = twin.base(name)
        engine = engine_of(stored.facts)
        base = open_base(twin, stored.facts.content_hash)
        names = twin.target_names()
    finally:
        twin.close()
    from simulations.traffic.selectlink import select  # noqa: PLC0415 - kernels need a prepared process

    network, result = state(base, scenario, engine, settings, capacity=capacity, told=told)
    told.end()
    links = np.unique(np.concatenate([links_of(network, one) for one in options.through]))
    found = select(result, links, through="all" if options.all else "any")
    content = document(found, network, result, stored, links=links)
    if scenario is not None:
        content = {**content, "scenario": scenario.name}
    if options.json:
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
    else:
        sys.stdout.write(table(content, language=settings.dashboards.languages[0], names=names))
    return 0


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin select", description=command.__doc__)
    parser.add_argument("through", nargs="+", metavar="ASSET", help="bridge, or id of a link")
    parser.add_argument("--all", action="store_true", help="trips through every one of them")
    parser.add_argument("--scenario", type=Path, help="JSON file; its own equilibrium is looked at")
    parser.add_argument("--base", metavar="NAME", help=f"default: {settings.traffic.base}")
    parser.add_argument("--json", action="store_true", help="print all pairs as JSON")
    return parser


def document(
    found: "Selection",
    network: Network,
    result: TrafficResult,
    base: StoredBase,
    *,
    links: np.ndarray,
) -> Content:
    """Trips by class and by pair, the most frequent pair first, as JSON values."""
    named = dict(zip(network.node_id.tolist(), network.node_name, strict=False))
    order = np.lexsort((found.destination, found.origin, -found.flow_vehh))
    classes = [one.name for one in result.classes]
    return {
        "base": {
            "name": base.facts.name,
            "version": base.version,
            "kind": base.facts.provenance.kind,
            "by": base.facts.provenance.by,
        },
        "links": [int(link) for link in links],
        "total_vehh": found.total_vehh,
        "relative_gap": result.relative_gap,
        "classes": [
            {"class": name, "flow_vehh": float(flow)}
            for name, flow in zip(classes, found.class_vehh, strict=True)
        ],
        "pairs": [
            {
                "class": classes[found.class_index[row]],
                "origin": named.get(int(found.origin[row])) or str(found.origin[row]),
                "destination": named.get(int(found.destination[row]))
                or str(found.destination[row]),
                "flow_vehh": float(found.flow_vehh[row]),
            }
            for row in order.tolist()
        ],
        "assumptions": documents(found.assumptions),
    }


def table(content: Mapping[str, Any], *, language: str, names: Mapping[str, str]) -> str:
    """The same as a text; rare pairs are summed up.

    Parameters
    ----------
    content
        What `document` gives.
    language
        ``de`` or ``en``.
    names
        Readable names by id.
    """
    words = Words(language)
    base, pairs = content["base"], content["pairs"]
    lines = [f"{words('scenario')}: {content['scenario']}"] if "scenario" in content else []
    lines += [
        f"{words('base')}: {base['name']}, {words('version')} {base['version']}",
        f"{words('provenance')}: {words(base['kind'])}, {words.statement(base['by'])}",
        "",
        f"{words('through')}: {words.number(content['total_vehh'])}",
        *(
            f"  {words.vehicles(one['class']):<32}{words.number(one['flow_vehh']):>10}"
            for one in content["classes"]
        ),
        "",
        f"{words('pairs')}:",
    ]
    for one in pairs[:SHOWN_PAIRS]:
        ends = " > ".join(names.get(one[end], one[end]) for end in ("origin", "destination"))
        flow = words.number(one["flow_vehh"], digits=1)
        lines.append(f"  {flow:>8}  {words.vehicles(one['class']):<28}  {ends}")
    if len(pairs) > SHOWN_PAIRS:
        left = words.number(sum(one["flow_vehh"] for one in pairs[SHOWN_PAIRS:]), digits=1)
        lines.append(f"  {left:>8}  {words('other_pairs', count=str(len(pairs) - SHOWN_PAIRS))}")
    lines += ["", *listed(words("assumptions"), content["assumptions"], words)]
    return "\n".join(lines) + "\n"
