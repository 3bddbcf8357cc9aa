"""The three maps of a paper with their captions and texts for those who do not see them. Pure."""

from collections.abc import Iterable

from dashboards.reports.mapdata import MapData, MapSection
from dashboards.reports.paper import Picture, Pictures
from dashboards.reports.staticmap import (
    Words,
    change_limits,
    change_map,
    flow_limits,
    flow_map,
    focus,
)
from dashboards.reports.writing import Writing, shown

HALF = (300.0, 250.0)
WHOLE = (620.0, 400.0)
"""Width and height of a map beside another, and of one alone [px]."""


def pictures(data: MapData, write: Writing) -> tuple[Pictures, Pictures]:
    """Before and after beside one another; below them what differs."""
    frame = focus(data, width=HALF[0], height=HALF[1])
    sides = []
    for side, name in (("base", "before"), ("scenario", "after")):
        alt = _flow_alt(data, side, write)
        svg = flow_map(data, side, frame, _words(alt, flow_limits(data), write))
        sides.append(Picture(svg, alt, write.word(f"map.{name}")))
    alt = _change_alt(data, write)
    wide = focus(data, width=WHOLE[0], height=WHOLE[1])
    svg = change_map(data, wide, _words(alt, change_limits(data), write))
    return Pictures(tuple(sides)), Pictures((Picture(svg, alt, write.word("map.difference")),))


def _words(title: str, limits: Iterable[float], write: Writing) -> Words:
    keys = ("none", "noise", "more", "less", "emptied", "target", "bridge")
    said = {key: write.word(f"map.key.{key}") for key in keys}
    said["above"] = write.texts.under("paper.map.key.")["above"]
    return Words(
        title=title,
        unit=write.texts.unit("/h"),
        north=write.word("map.north"),
        keys=said,
        numbers={value: write.fitting(value) for value in (0.0, *limits)},
        language=write.texts.language,
    )


def _flow_alt(data: MapData, side: str, write: Writing) -> str:
    key = f"{side}_vehh"
    busiest = max(data.sections, key=lambda one: float(getattr(one, key)))
    return write.word(
        f"map.alt_{side}",
        sections=write.number(len(data.sections)),
        used=write.number(sum(getattr(one, key) > 0.0 for one in data.sections)),
        most=write.number(float(getattr(busiest, key))),
        name=_name(busiest, write),
    )


def _change_alt(data: MapData, write: Writing) -> str:
    changed = [one for one in data.sections if one.is_changed]
    if not changed:
        return write.word("map.alt_no_change", sections=write.number(len(data.sections)))
    gain = max(changed, key=lambda one: one.change_vehh)
    loss = min(changed, key=lambda one: one.change_vehh)
    said = [
        write.word(
            "map.alt_difference",
            more=write.number(sum(one.change_vehh > 0.0 for one in changed)),
            less=write.number(sum(one.change_vehh < 0.0 for one in changed)),
            noise=write.number(len(data.sections) - len(changed)),
        )
    ]
    if gain.change_vehh > 0.0:
        said.append(_extreme("map.alt_gain", gain, write))
    if loss.change_vehh < 0.0:
        said.append(_extreme("map.alt_loss", loss, write))
    return " ".join(said)


def _extreme(key: str, one: MapSection, write: Writing) -> str:
    return write.word(key, value=write.signed(one.change_vehh, 0), name=_name(one, write))


def _name(one: MapSection, write: Writing) -> str:
    return shown(one.name) or write.word("map.unnamed")
