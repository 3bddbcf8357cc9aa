"""How good the base of an answer is, in a few sentences for the head of page and paper. Pure."""

from collections.abc import Iterator, Mapping

from dashboards.reports.writing import Document, Writing, shown
from twin.model.bases import day_of
from twin.model.statements import statement
from twin.model.tables import rows

_HEAVY_MODELLED = "heavy_share_kept"
_WORSE = "reserve_rmse"
_SHARE = "reserve_geh"
"""Keys of what a calibration says of itself (``run_sentences.csv``)."""


def base_quality(base: Document, write: Writing) -> tuple[str, ...]:
    """Whether the base is calibrated and by what, its error, what of it nobody counted.

    Parameters
    ----------
    base
        ``inputs.base`` of a document of measures.
    """
    told = _told(base)
    return (_calibrated(base, told, write), *_error(base, told, write), *_heavy(told, write))


def is_calibrated(base: Document) -> bool:
    """Whether a base met the criterion on counts held back."""
    return bool((base.get("figures") or {}).get("is_calibrated"))


def _told(base: Document) -> Mapping[str, Mapping[str, str]]:
    """Values of the assumptions of a base by key; documents of before have none."""
    found: dict[str, Mapping[str, str]] = {}
    for one in base.get("assumptions") or ():
        if isinstance(one, str):
            known = statement(one)
            found[known.key] = known.values
        else:
            found[str(one["key"])] = one["values"]
    return found


def _calibrated(base: Document, told: Mapping[str, Mapping[str, str]], write: Writing) -> str:
    figures = base.get("figures") or {}
    day = day_of(figures)
    date = write.word("base.no_roads")
    if day is not None:
        date = write.word("base.roads", day=write.texts.date(day))
    about = {
        "name": shown(str(base.get("name", ""))),
        "version": base.get("version", ""),
        "roads": date,
    }
    share = figures.get("held_out_geh_below_5")
    if share is None or not figures.get("counts_held_out"):
        return write.word("base.unknown", **about)
    criterion = _criterion(told)
    asked = float(criterion["share"])
    key = "calibrated" if is_calibrated(base) else "not_calibrated"
    if key == "not_calibrated" and _SHARE not in told and share >= asked:
        key = "not_calibrated_error"
    return write.word(
        f"base.{key}",
        **about,
        share=write.number(100.0 * share),
        n=write.number(figures["counts_held_out"]),
        geh=write.exact(float(criterion["geh"])),
        asked=write.number(100.0 * asked),
        source=criterion["name"],
    )


def _criterion(told: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """Row of the criterion that a base was held to; that of all roads unless it says otherwise."""
    found = rows("calibration_criteria")
    level = told.get(_SHARE, {}).get("geh")
    return next((one for one in found if one["geh"] == level), found[0])


def _error(base: Document, told: Mapping[str, Mapping[str, str]], write: Writing) -> Iterator[str]:
    figures = base.get("figures") or {}
    after, before = figures.get("held_out_rmse"), figures.get("held_out_rmse_before")
    if after is None:
        return
    if before is None and _WORSE in told:
        before = float(told[_WORSE]["before"])
    key = "error" if before is None else "error_better" if after < before else "error_worse"
    yield write.word(f"base.{key}", after=write.number(after, 1), before=write.number(before, 1))


def _heavy(told: Mapping[str, Mapping[str, str]], write: Writing) -> Iterator[str]:
    if _HEAVY_MODELLED in told:
        yield write.word("base.heavy_modelled")
