"""What decoding an uplink costs beside msgspec, which only parses: `scripts/bench codecs`.

Peer and codec take turns on the same payloads; the best of several rounds counts for each.
"""

import json
import subprocess
import sys
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contract import golden
from peers import PYTHON

PEER = Path(__file__).resolve().parent / "web_peers" / "msgspec_parse.py"
CASES = ("ttn_uplink", "chirpstack_up", "chirpstack_three_gateways")
OTHERS = ("digitraffic_hour", "ngsi_ld_wrapped", "hfp_position", "sensorthings_datastream")
ROUNDS = 3
BAR = 3.0
RUNS = 1000


def payload_of(name: str) -> Path:
    """Payload of a golden case."""
    return next((golden.CASES / name).glob("payload.*"))


def cost_us(name: str) -> float:
    """Best time of one decoding [us]."""
    case = golden.read(name)
    timer = timeit.Timer(lambda: case.codec.decode(case.message, case.context))
    return 1e6 * min(timer.repeat(7, RUNS)) / RUNS


def main() -> None:
    """Print the ratios as a Markdown table."""
    print("| message | bytes | decode [us] | msgspec parses [us] | ratio | bar |")
    print("|---|---|---|---|---|---|")
    command = [str(PYTHON), str(PEER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        for name in (*CASES, *OTHERS):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                peer.stdin.write(f"{payload_of(name)}\n")
                peer.stdin.flush()
                told = json.loads(peer.stdout.readline())
                theirs.append(told["us"])
                ours.append(cost_us(name))
            size = payload_of(name).stat().st_size
            ratio = min(ours) / min(theirs)
            bar = f"{BAR:.1f}" if name in CASES else "-"
            print(
                f"| {name} | {size} | {min(ours):.1f} | {min(theirs):.2f} | {ratio:.1f} | {bar} |"
            )
        peer.stdin.close()
    print(f"\nmsgspec {told['version']}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
