"""PyNiteFEA on one plane frame of beams: `pynite.py IN.npz OUT.npz ROUNDS`.

Runs in the environment of the peers. The case has nodes x, y [m]; members tail, head, bending and
torsion [SI], mass per length and hinged ends (release of the bending moment at the tail end);
supports: node and stiffness of deflection, slope along x and along y (infinite: rigid); load cases
as node, case, force downward [N] and, for settlement, node, case, drop [m]. Answers: deflections
(nodes, cases), moments at both ends of members (members, cases, 2), reactions (supports, cases),
frequencies, and seconds of each round of `analyze_linear` alone.
"""

import sys
import time

import numpy as np
from Pynite import FEModel3D  # pyrefly: ignore [missing-import] - in the environment of the peers

ELASTIC = 1e9
SHEAR = 1e9


def built(case: dict[str, np.ndarray]) -> FEModel3D:
    """The model, ready for analysis."""
    model = FEModel3D()
    model.add_material("m", ELASTIC, SHEAR, 0.2, 1.0)
    held = {int(node): row for node, row in zip(case["support"], case["stiffness"], strict=True)}
    for node, (x, y) in enumerate(zip(case["x"], case["y"], strict=True)):
        model.add_node(f"n{node}", float(x), 0.0, -float(y))
        row = held.get(node, np.zeros(3))
        free_twist = np.any(case["torsion"] > 0.0)
        model.def_support(
            f"n{node}",
            support_DX=True,
            support_DY=bool(np.isinf(row[0])),
            support_DZ=True,
            support_RX=bool(np.isinf(row[2])) or not free_twist,
            support_RY=True,
            support_RZ=bool(np.isinf(row[1])),
        )
        for value, dof in zip(row, ("DY", "RZ", "RX"), strict=True):
            if np.isfinite(value) and value > 0.0:
                model.def_support_spring(f"n{node}", dof, float(value))
    sections: dict[tuple[float, ...], str] = {}
    for member, (tail, head) in enumerate(zip(case["tail"], case["head"], strict=True)):
        area = max(float(case["mass"][member]), 1e-6)
        key = (area, float(case["bending"][member]), float(case["torsion"][member]))
        if key not in sections:
            sections[key] = f"s{len(sections)}"
            inertia = key[1] / ELASTIC
            model.add_section(sections[key], area, inertia, inertia, max(key[2] / SHEAR, 1e-9))
        model.add_member(f"m{member}", f"n{tail}", f"n{head}", "m", sections[key])
        if case["hinged"][member]:
            model.def_releases(f"m{member}", Rzi=True)
    for node, one, force in zip(case["node"], case["case"], case["force"], strict=True):
        model.add_node_load(f"n{int(node)}", "FY", -float(force), case=f"c{int(one)}")
    for one in range(int(case["cases"])):
        model.add_load_combo(f"c{one}", {f"c{one}": 1.0})
    return model


def answers(model: FEModel3D, case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Deflections, member end moments and reactions as arrays."""
    names = [f"c{one}" for one in range(int(case["cases"]))]
    nodes = [model.nodes[f"n{one}"] for one in range(len(case["x"]))]
    members = [model.members[f"m{one}"] for one in range(len(case["tail"]))]
    ends = []
    for member in members:
        along = (0.0, member.L())
        ends.append([[-member.moment("Mz", at, name) for at in along] for name in names])
    held = [model.nodes[f"n{int(one)}"] for one in case["support"]]
    return {
        "deflection": np.array([[-node.DY[name] for name in names] for node in nodes]),
        "moment": np.array(ends),
        "reaction": np.array([[node.RxnFY[name] for name in names] for node in held]),
    }


def frequencies(case: dict[str, np.ndarray]) -> np.ndarray:
    """Lowest vertical frequencies [Hz]; every other motion is held."""
    model = built(case)
    model.add_member_self_weight("FY", -1.0, case="weight")
    model.add_load_combo("mass", {"weight": 1.0})
    model.analyze_modal(int(case["modes"]), mass_combo_name="mass", gravity=1.0)
    return np.array(model.frequencies)


def main() -> None:
    """Read, analyse as often as asked, write."""
    source, target, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with np.load(source) as content:
        case = {name: content[name] for name in content.files}
    found: dict[str, np.ndarray] = {}
    seconds = []
    for _ in range(rounds):
        model = built(case)
        began = time.perf_counter()
        model.analyze_linear(check_stability=False)
        seconds.append(time.perf_counter() - began)
        found = answers(model, case)
    if int(case["modes"]):
        found["frequency"] = frequencies(case)
    found["seconds"] = np.array(seconds)
    np.savez(target, allow_pickle=False, **found)


if __name__ == "__main__":
    main()
