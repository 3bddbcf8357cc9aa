"""From what is typed into a form to an intervention and back; pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dashboards.widgets.scenario_draft import Opened, Raw
from twin.model.interventions import Intervention, Kind, Parameter, ParameterValue, kinds

TIMES = ("valid_from", "valid_until")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Unread:
    """A field whose text cannot be read; ``key`` is one of ``number`` and ``time``."""

    field: str
    key: str
    text: str


def intervention_of(opened: Opened, zone: str) -> tuple[Intervention, tuple[Unread, ...]]:
    """Intervention of a form, and the fields that cannot be read; empty fields are left out.

    Parameters
    ----------
    opened
        A form whose kind is known.
    zone
        Time zone in which times are typed.

    Examples
    --------
    >>> form = Opened(kind="limit_weight", targets=("B03",), values={"mass_t": "7,5"})
    >>> intervention_of(form, "Europe/Berlin")[0].parameters
    {'mass_t': 7.5}
    """
    kind = kinds()[opened.kind]
    unread: list[Unread] = []
    parameters: dict[str, ParameterValue] = {}
    for name, parameter in kind.parameters.items():
        raw = opened.values.get(name, "")
        value = _value(parameter, raw)
        if value is not None:
            parameters[name] = value
        elif not _is_empty(raw):
            unread.append(Unread(name, "number", _text(raw)))
    times: dict[str, datetime | None] = {}
    for name in TIMES:
        text = _text(opened.values.get(name, ""))
        times[name] = time_of(text, zone)
        if text.strip() and times[name] is None:
            unread.append(Unread(name, "time", text))
    item = Intervention(
        opened.kind,
        opened.targets if kind.target != "none" else (),
        parameters,
        valid_from=times["valid_from"],
        valid_until=times["valid_until"],
    )
    return item, tuple(unread)


def _is_empty(raw: Raw) -> bool:
    return not (raw.strip() if isinstance(raw, str) else raw)


def _text(raw: Raw) -> str:
    return raw if isinstance(raw, str) else ", ".join(raw)


def _value(parameter: Parameter, raw: Raw) -> ParameterValue | None:
    if _is_empty(raw):
        return None
    if parameter.type in ("classes", "zones"):
        parts = re.split(r"[,;\s]+", raw.strip()) if isinstance(raw, str) else raw
        return tuple(part for part in parts if part)
    text = _text(raw).strip()
    return number_of(text) if parameter.type in ("number", "whole") else text


def number_of(text: str) -> float | None:
    """Number as typed in either language; None if it is none.

    Examples
    --------
    >>> number_of("7,5"), number_of("7.5"), number_of("1.000,5")
    (7.5, 7.5, None)
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    value = float(text.strip().replace(",", "."))
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def time_of(text: str, zone: str) -> datetime | None:
    """UTC of a local time as a browser's field gives it; None if it is none.

    Examples
    --------
    >>> time_of("2026-11-22T08:00", "Europe/Berlin")
    datetime.datetime(2026, 11, 22, 7, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        local = datetime.fromisoformat(text.strip())
        if local.tzinfo is None:
            local = local.replace(tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def local_text(time: datetime | None, zone: str) -> str:
    """A time as a browser's field takes it."""
    if time is None:
        return ""
    return time.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def opened_of(uid: int, item: Intervention, *, zone: str, language: str) -> Opened:
    """Form of an intervention."""
    values: dict[str, Raw] = {
        name: _raw(value, language) for name, value in item.parameters.items()
    }
    for name, time in (("valid_from", item.valid_from), ("valid_until", item.valid_until)):
        if time is not None:
            values[name] = local_text(time, zone)
    return Opened(uid, item.kind, item.targets, values)


def _raw(value: ParameterValue, language: str) -> Raw:
    if isinstance(value, (tuple, list)):
        return tuple(value)
    if isinstance(value, str):
        return value
    text = f"{value:.10g}"
    return text.replace(".", ",") if language == "de" else text


def limits_of(parameter: Parameter) -> tuple[float | None, bool, float | None]:
    """Lower limit, whether it is itself excluded, and upper limit; None where there is none."""
    lower = parameter.lower if parameter.lower > float("-inf") else None
    upper = parameter.upper if parameter.upper < float("inf") else None
    return lower, parameter.lower_open, upper


def takes(kind: Kind, target_kind: str) -> bool:
    """Whether a kind takes targets of a sort: ``asset``, ``link`` or ``zone``."""
    return (
        target_kind
        in {
            "link": ("link",),
            "turn": ("link",),
            "asset": ("asset",),
            "link_or_asset": ("link", "asset"),
            "zone": ("zone",),
            "none": (),
        }[kind.target]
    )


def fields_of(kind: Kind) -> Iterable[str]:
    """Names of all fields of a form, in order."""
    yield "targets"
    yield from kind.parameters
    yield from TIMES


def kept_values(values: Mapping[str, Raw], kind: Kind | None) -> Mapping[str, Raw]:
    """Values that a form of this kind has a field for."""
    known = () if kind is None else tuple(fields_of(kind))
    return {name: raw for name, raw in values.items() if name in known}
