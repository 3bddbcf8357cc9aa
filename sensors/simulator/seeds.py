"""Random numbers that depend on nothing but the seed, a name and a whole number."""

import hashlib

import numpy as np


def generator(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """Generator that gives the same numbers for the same seed, name and number, always.

    Parameters
    ----------
    seed
        Seed of the simulated world.
    name
        Uid of a datastream, or any other text that names what is random.
    number
        Block of time; not negative.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.Generator(
        np.random.PCG64([seed, int.from_bytes(digest[:8], "little"), number])
    )


def fraction(seed: int, name: str) -> float:
    """Number in 0..1 that belongs to a name."""
    return float(generator(seed, name).random())
