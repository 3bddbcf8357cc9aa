"""Kernels are compiled once: a second process finds them all."""

import subprocess
import sys


def _compiled() -> int:
    script = "from simulations.warming import warm; print(warm())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_second_process_compiles_no_kernel() -> None:
    _compiled()
    assert _compiled() == 0
