"""Assumptions in words: the English sentence of a key; the table has the German one beside it."""

from functools import cache

from twin.model.tables import rows


@cache
def _patterns() -> dict[str, str]:
    return {row["key"]: row["english"] for row in rows("structure_sentences")}


def sentence(key: str, **values: str | float) -> str:
    """English sentence of a row of ``structure_sentences.csv`` with its values.

    Numbers are written with four digits.

    Examples
    --------
    >>> sentence("stiffness_depth", depth=1.5)
    'stiffness from section type and depth 1.5 m (own coefficients, unverified)'
    """
    written = {
        name: value if isinstance(value, str) else f"{value:.4g}" for name, value in values.items()
    }
    return _patterns()[key].format(**written)
