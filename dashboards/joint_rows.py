"""How rows of a joint analysis are read: vehicles counted once, per day or hour, origins."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from twin.model.tables import rows

Document = Mapping[str, Any]


def repeated(bridges: Sequence[Document]) -> frozenset[str]:
    """Parts whose vehicles are those of a part of the same bridge further up.

    Parameters
    ----------
    bridges : (rows,)
        In the order in which they are shown.

    Examples
    --------
    >>> part = {"asset": "B06", "carries_whole_bridge": True}
    >>> sorted(repeated([{**part, "part": name} for name in ("A", "B", "C")]))
    ['B', 'C']
    """
    seen: set[str] = set()
    found: set[str] = set()
    for one in bridges:
        if one.get("carries_whole_bridge"):
            (found if one["asset"] in seen else set()).add(one["part"])
            seen.add(one["asset"])
    return frozenset(found)


def unit_of(heavy: Document) -> str:
    """Ending of the fields to show: ``vehd``, or ``vehh`` where no figure a day is known.

    Examples
    --------
    >>> unit_of({"base_vehd": None, "base_vehh": 3.0}), unit_of({"base_vehd": 40.0})
    ('vehh', 'vehd')
    """
    return "vehh" if heavy["base_vehd"] is None and "base_vehh" in heavy else "vehd"


def mark_of(item: Document) -> str:
    """Sign before a change that does not count: ``~`` noise, ``±`` a band that holds zero.

    Examples
    --------
    >>> band = {"low": -3.0, "high": 9.0}
    >>> [mark_of({"is_significant": sure, "band": one})
    ...  for sure, one in ((True, band), (False, band), (False, None))]
    ['', '±', '~']
    """
    if item["is_significant"]:
        return ""
    return "\u00b1" if item.get("band") else "~"


def rough(value: float | None) -> float | None:
    """Two digits of a number that is an order of magnitude without a band.

    Examples
    --------
    >>> rough(13831.2), rough(7.4), rough(None)
    (14000.0, 7.4, None)
    """
    return None if value is None else float(f"{value:.2g}")


def source_said(source: str, language: str) -> str:
    """Origin of a restriction; what we name ourselves in the language of the reader.

    Examples
    --------
    >>> source_said("road network", "de"), source_said("sourced (1, 9)", "de")
    ('Stra\u00dfennetz', 'belegt (1, 9)')
    """
    for english, german in _origins():
        if source == english or source.startswith(f"{english} ("):
            return (german if language == "de" else english) + source.removeprefix(english)
    return source


@cache
def _origins() -> tuple[tuple[str, str], ...]:
    words = {row["key"]: row for row in (*rows("measure_words"), *rows("run_words"))}
    keys = ("source.network", "source.measure", *_KINDS)
    return tuple((words[key]["english"], words[key]["german"]) for key in keys if key in words)


_KINDS = ("source.sourced", "source.estimated")
