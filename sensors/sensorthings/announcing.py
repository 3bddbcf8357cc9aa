"""New observations as messages: what has come since the last look, and the topics it belongs to."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sensors.sensorthings.answers import Answering, observations
from sensors.sensorthings.catalogue import Catalogue, build_catalogue
from sensors.sensorthings.functions import LAST_TIME_US
from sensors.sensorthings.options import Options
from sensors.sensorthings.readings import ObservationRows
from sensors.sensorthings.schema import OBSERVATIONS
from twin.city import Twin
from twin.model.observations import Latest, Readings
from twin.model.times import from_us

VERSION = "v1.1"
MOST_EACH = 1_000
"""So many new observations of a datastream are told at one look; of more, the newest."""
_TOGETHER_US = 60_000_000
_UNSAFE = frozenset("+#\x00")

Send = Callable[[str, bytes], bool]


@dataclass(slots=True)
class Announcer:
    """Tells the new observations of a datastream in order; the first look tells the latest of all.

    Parameters
    ----------
    twin
        Whose readings.
    root
        Address of the service, for the links.
    send
        Takes topic and payload; False if it could not take them now.
    """

    twin: Twin
    root: str
    send: Send
    sent: int = 0
    unnamed: int = 0
    _revision: int = 0
    _told_us: dict[int, int] = field(default_factory=dict)
    _catalogue: Catalogue | None = None

    def announce(self) -> bool:
        """Tell what is new; False if ``send`` refused: the rest is told at the next look."""
        catalogue = self._current()
        latest = self.twin.latest(since=self._revision)
        is_public = np.array(
            [number in catalogue.row_of_number for number in latest.number.tolist()], np.bool_
        )
        changed = dict(
            zip(latest.number[is_public].tolist(), latest.time_us[is_public].tolist(), strict=True)
        )
        for found in self._news(catalogue, latest, changed):
            if not self._tell(catalogue, found):
                return False
        self._revision = max(self._revision, latest.revision)
        return True

    def _current(self) -> Catalogue:
        known = self._catalogue
        if known is None or known.version != self.twin.registry_version():
            known = self._catalogue = build_catalogue(self.twin)
        return known

    def _news(
        self, catalogue: Catalogue, latest: Latest, changed: Mapping[int, int]
    ) -> Iterator[ObservationRows]:
        """Readings that were not told yet: those after the last one, and a changed last one."""
        known = {number: self._told_us[number] for number in changed if number in self._told_us}
        fresh = np.array([number for number in changed if number not in known], np.int64)
        rows = np.flatnonzero(np.isin(latest.number, fresh))
        yield ObservationRows(catalogue, _taken(latest, rows))
        for numbers in _grouped(known):
            told = np.array([known[number] for number in numbers], np.int64)
            page = self.twin.page(
                numbers,
                start=from_us(int(told.min())),
                end=from_us(LAST_TIME_US),
                limit=MOST_EACH,
                newest_first=True,
            )
            place = np.searchsorted(np.array(numbers), page.number)
            newest = np.array([changed[number] for number in numbers], np.int64)[place]
            is_new = (page.time_us > told[place]) | (page.time_us == newest)
            yield ObservationRows(catalogue, _taken(page, np.flatnonzero(is_new)[::-1]))

    def _tell(self, catalogue: Catalogue, found: ObservationRows) -> bool:
        answering = Answering(self.twin, catalogue, self.root, left=len(found))
        bodies = observations(answering, found, Options())
        keys = zip(found.readings.number.tolist(), found.readings.time_us.tolist(), strict=True)
        for (number, time_us), body in zip(keys, bodies, strict=True):
            payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
            topics = topics_of(catalogue, catalogue.row_of_number[number])
            self.unnamed += not topics
            if not all(self.send(topic, payload) for topic in topics):
                return False
            self._told_us[number] = max(time_us, self._told_us.get(number, time_us))
            self.sent += 1
        return True


def topics_of(catalogue: Catalogue, row: int) -> tuple[str, ...]:
    """Topics of the observations of a datastream; none where its id can stand in no topic."""
    ids = catalogue.ids
    datastream = ids["Datastreams"][row]
    feature = ids["FeaturesOfInterest"][int(catalogue.feature[row])]
    topics = (
        f"{VERSION}/{OBSERVATIONS}",
        f"{VERSION}/Datastreams({_quoted(datastream)})/{OBSERVATIONS}",
        f"{VERSION}/FeaturesOfInterest({_quoted(feature)})/{OBSERVATIONS}",
    )
    return () if any(_UNSAFE & set(topic) for topic in topics) else topics


def _quoted(key: str) -> str:
    return "'" + key.replace("'", "''") + "'"


def _taken(found: Readings | Latest, rows: np.ndarray) -> Readings:
    return Readings(found.number[rows], found.time_us[rows], found.value[rows], found.quality[rows])


def _grouped(told_us: Mapping[int, int]) -> Iterator[Sequence[int]]:
    """Numbers whose last times lie within a minute: one query each, without reading much twice."""
    group: list[int] = []
    first_us = 0
    for number, time_us in sorted(told_us.items(), key=lambda pair: pair[1]):
        if group and time_us - first_us > _TOGETHER_US:
            yield sorted(group)
            group = []
        if not group:
            first_us = time_us
        group.append(number)
    if group:
        yield sorted(group)
