"""Words and signed numbers of the map of a run."""

from collections.abc import Mapping
from functools import cache

from dashboards.i18n.translate import NOTHING, Texts
from twin.model.tables import rows

MINUS = "\u2212"


@cache
def _classes(column: str) -> Mapping[str, str]:
    return {row["key"]: row[column] for row in rows("vehicle_classes")}


def class_words(name: str, texts: Texts) -> str:
    """Vehicle class as a person names it; its key where the table has none.

    Examples
    --------
    >>> class_words("car", Texts("de"))
    'Pkw'
    """
    return _classes("german" if texts.language == "de" else "english").get(name, name)


def signed_text(value: float | None, decimals: int, texts: Texts) -> str:
    """Number with its sign, a true minus; a change of nothing has none.

    Examples
    --------
    >>> signed_text(310.2, 0, Texts("en")), signed_text(-4.0, 0, Texts("en"))
    ('+310', '\u22124')
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return NOTHING
    rounded = round(value, decimals)
    text = texts.number(abs(rounded), decimals)
    sign = "+" if rounded > 0 else MINUS
    return text if rounded == 0 else f"{sign}{text}"
