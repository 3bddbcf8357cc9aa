"""pyOMA_2: covariance-driven subspace identification with stability, or cross-spectra with FDD.

The question names the ``task``: ``ssi`` answers poles of all orders and their labels, ``fdd``
frequencies and singular values.
"""

import functools
import logging
from importlib.metadata import version

import numpy as np
import tqdm  # pyrefly: ignore [missing-import] - in the environment of the peers
from timing import Arrays, serve  # pyrefly: ignore [missing-import] - beside this file

logging.disable(logging.INFO)
# Progress bars would be measured too.
tqdm.tqdm.__init__ = functools.partialmethod(tqdm.tqdm.__init__, disable=True)

from pyoma2.algorithms import FDD, SSI  # noqa: E402  # pyrefly: ignore [missing-import]
from pyoma2.setup import SingleSetup  # noqa: E402  # pyrefly: ignore [missing-import]


def prepare(arrays: Arrays):
    samples, rate_hz = arrays["samples"], float(arrays["rate_hz"])
    block_rows, largest_order = int(arrays["block_rows"]), int(arrays["largest_order"])
    bins = int(arrays["bins"])

    def ssi() -> dict[str, np.ndarray]:
        setup = SingleSetup(samples, fs=rate_hz)
        limits = {"xi_max": 0.1, "mpc_lim": 0.7, "mpd_lim": None, "CoV_max": None}
        steps = {"err_fn": 0.01, "err_xi": 0.2, "err_phi": 0.05}
        one = SSI(
            name="one",
            method="cov",
            br=block_rows,
            ordmax=largest_order,
            step=2,
            hc=limits,
            sc=steps,
        )
        setup.add_algorithms(one)
        setup.run_all()
        found = one.result
        return {
            "frequency_hz": found.Fn_poles,
            "damping": found.Xi_poles,
            "shape": found.Phi_poles,
            "label": found.Lab,
        }

    def fdd() -> dict[str, np.ndarray]:
        setup = SingleSetup(samples, fs=rate_hz)
        one = FDD(name="one", nxseg=2 * bins, method_SD="per", pov=0.5)
        setup.add_algorithms(one)
        setup.run_all()
        first = one.result.S_val[0, 0]
        return {"frequency_hz": one.result.freq, "value": first**2, "density": one.result.Sy}

    tasks = {"ssi": ssi, "fdd": fdd}
    return lambda task: tasks[task]()


if __name__ == "__main__":
    serve(prepare, f"pyOMA_2 {version('pyoma-2')}")
