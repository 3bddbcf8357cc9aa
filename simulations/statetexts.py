"""State of the running traffic as text: live state of a base, indicators, forecasts."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from simulations.wording import WIDTH, Words, listed

INDICATORS = ("dtv", "dtv_workday", "dtv_sunday", "msv30")
_COLUMN = 14

Document = Mapping[str, Any]


def state_text(
    kind: str,
    content: Document,
    *,
    made_at: datetime,
    now: datetime,
    language: str,
    names: Mapping[str, str],
) -> str:
    """Readable text of one state with its age; whatever is not valid now says so first."""
    words = Words(language)
    tellers = {"live": _live, "indicators": _indicators, "forecast": _forecast}
    lines = [
        *tellers[kind](content, words, names),
        *_origin(content, words, made_at=made_at, now=now),
        *listed(words("assumptions"), content["assumptions"], words),
    ]
    return "\n".join(lines) + "\n"


def validity_lines(found: Document, words: Words) -> Iterable[str]:
    """What stands before every answer that rests on a base that live counts contradict."""
    if found["status"] == "unknown":
        yield words("live_unknown", age=_age(timedelta(seconds=found["age_s"]), words))
    elif found["status"] == "not_valid_now":
        yield words("not_valid_now")
        yield from (f"  - {words.statement(said)}" for said in found["reasons"])


def _age(age: timedelta, words: Words) -> str:
    minutes = age.total_seconds() / 60.0
    if minutes < 120.0:  # noqa: PLR2004 - two hours are said in minutes
        return f"{words.number(minutes)} min"
    return f"{words.number(minutes / 60.0)} h"


def _origin(content: Document, words: Words, *, made_at: datetime, now: datetime) -> Iterable[str]:
    kinds = ", ".join(words(kind) for kind in content["provenance"]) or "-"
    yield f"{words('provenance')}: {kinds}; {words('age', age=_age(now - made_at, words))}"


def _live(content: Document, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    del names
    if not content["is_valid"]:
        yield from validity_lines({"status": "not_valid_now", **content}, words)
    base = content["base"]
    yield f"{words('base')}: {base['name']}, {words('version')} {base['version']}"
    yield words(
        "live_factor",
        factor=words.number(content["factor"], digits=2),
        low=words.number(content["factor_low"], digits=2),
        high=words.number(content["factor_high"], digits=2),
        until=_clock(content["until"], words),
    )
    yield words(
        "live_coverage",
        coverage=words.share(content["coverage"]),
        stations=words.number(content["stations"]),
        outcome=words("live_" + content["outcome"]),
    )
    judged = content["held_out"]
    if judged["rmse_percent"] is None:
        yield words("live_no_error", stations=words.number(judged["stations"]))
    else:
        yield words(
            "live_error",
            rmse=words.number(judged["rmse_percent"]),
            allowed=words.number(content["allowed_rmse_percent"]),
            share=words.share(judged["share_geh_below_5"]),
            stations=words.number(judged["stations"]),
        )


def _clock(text: str, words: Words) -> str:
    form = "%d.%m.%Y %H:%M UTC" if words.language == "de" else "%Y-%m-%d %H:%M UTC"
    return datetime.fromisoformat(text).strftime(form)


def _indicators(content: Document, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    yield f"{names.get(content['asset'], content['asset'])}: {_span(content, words)}"
    heads = [*(words(name) for name in INDICATORS), words("heavy_share"), words("coverage")]
    yield " " * WIDTH + "".join(f"{head:>{_COLUMN}}" for head in heads)
    named = [(names.get(item["direction"], item["direction"]), item) for item in content["rows"]]
    has_mark = False
    for name, item in [*named, (words("both_directions"), content["total"])]:
        cells = []
        for key in INDICATORS:
            value = item["values"][key]
            mark = "*" if value["is_estimated"] and value["value"] is not None else ""
            has_mark |= bool(mark)
            cells.append(words.number(value["value"]) + mark)
        cells += [words.share(item["heavy_share"], digits=1), words.share(item["coverage"])]
        yield f"{name[: WIDTH - 1]:<{WIDTH}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)
    if has_mark:
        yield words("indicator_estimated")


def _span(content: Document, words: Words) -> str:
    form = "%d.%m.%Y" if words.language == "de" else "%Y-%m-%d"
    first, after = (datetime.fromisoformat(content[end]) for end in ("from", "until"))
    return f"{first.strftime(form)} - {(after - timedelta(seconds=1)).strftime(form)}"


def _forecast(content: Document, words: Words, names: Mapping[str, str]) -> Iterable[str]:
    yield f"{names.get(content['asset'], content['asset'])}: {words('forecast')}"
    for item in content["rows"]:
        yield f"{names.get(item['direction'], item['direction'])}"
        yield from (
            f"  {words('no_forecast')}: {words.statement(said)}" for said in item["reasons"]
        )
        for one in item["horizons"]:
            yield from _horizon(one, words)


def _horizon(one: Document, words: Words) -> Iterable[str]:
    head = words("in_minutes", minutes=words.number(one["minutes"]))
    if one["status"] == "shown":
        yield (
            "  "
            + head
            + ": "
            + words(
                "forecast_value",
                flow=words.number(one["flow_vehh"]),
                low=words.number(one["low_vehh"]),
                high=words.number(one["high_vehh"]),
                error=words.number(one["running_mae"]),
            )
        )
    else:
        state = "no_forecast" if one["status"] == "none" else "not_valid_now"
        yield f"  {head}: {words(state)}"
        yield from (f"    - {words.statement(said)}" for said in one["reasons"])
    errors = "; ".join(
        f"{words('model_' + name)} {words.number(score['mae'], digits=1)}"
        for name, score in one["scores"].items()
    )
    yield f"    {words('forecast_errors')}: {errors}"
