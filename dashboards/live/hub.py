"""The hub: follows the city in one thread and keeps its newest state for pages and sockets."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dashboards.live.channels import (
    CHANNELS,
    NEVER,
    Channel,
    NewestValues,
    StreamIndex,
    encode_channels,
    quality_classes,
)
from dashboards.live.codec import table_rev
from dashboards.live.features import CityFeatures, read_features
from dashboards.live.frames import ChannelFrames
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState
from twin.model.quality import QualityClass
from twin.model.times import from_us, to_us
from twin.rules.monitoring import monitoring_state

logger = logging.getLogger(__name__)

POLL_S = 5.0
IDLE_S = 1.0
"""Without news the state is looked at this often, because values turn stale by themselves."""
RETRY_S = 1.0
LAG_WINDOW_S = 300.0
MOST_LAGS = 50_000


@dataclass(frozen=True, slots=True)
class StreamNow:
    """Newest value of one datastream with its quality class and age [s]."""

    stream: Datastream
    time: datetime | None
    value: float | None
    quality: int
    quality_class: QualityClass
    age_s: float | None

    @property
    def is_current(self) -> bool:
        """Whether the value may be shown as the present one."""
        return self.quality_class not in (QualityClass.STALE, QualityClass.NEVER_REPORTED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the city at one instant; nothing in it changes afterwards."""

    features: CityFeatures
    at: datetime
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    classes: NDArray[np.uint8]
    is_away: bool = False
    watched: Mapping[str, MonitoringState] = field(default_factory=dict)

    def stream(self, stream: Datastream) -> StreamNow:
        """Newest value of a datastream."""
        number = stream.number if stream.number is not None else -1
        known = 0 <= number < len(self.time_us) and self.time_us[number] != NEVER
        if not known:
            return StreamNow(stream, None, None, 0, QualityClass.NEVER_REPORTED, None)
        at = from_us(int(self.time_us[number]))
        value = float(self.value[number])
        return StreamNow(
            stream=stream,
            time=at,
            value=None if np.isnan(value) else value,
            quality=int(self.quality[number]),
            quality_class=QualityClass(int(self.classes[number])),
            age_s=max(0.0, (self.at - at).total_seconds()),
        )

    def monitoring(self, asset_id: str) -> MonitoringState:
        """Monitoring state of an asset."""
        streams = self.features.streams_of.get(asset_id, ())
        classes = [self.stream(item).quality_class for item in streams]
        return monitoring_state(classes, self.watched.get(asset_id))

    @property
    def newest(self) -> datetime | None:
        """Newest phenomenon time of all datastreams."""
        times = self.time_us[self.time_us != NEVER]
        return from_us(int(times.max())) if times.size else None


@dataclass(frozen=True, slots=True)
class Lag:
    """Time from phenomenon to visibility over the last minutes: median, 95 %, count [s]."""

    p50_s: float
    p95_s: float
    readings: int


class Hub:
    """Follows a city and encodes each channel at most once per tick, for any number of clients.

    Parameters
    ----------
    twin
        The city.
    tick_hz
        Most frames per second and channel [Hz].
    """

    def __init__(self, twin: Twin, *, tick_hz: float) -> None:
        self._twin = twin
        self.tick_hz = tick_hz
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: set[Callable[[], None]] = set()
        self._lags: deque[tuple[float, float]] = deque(maxlen=MOST_LAGS)
        self._polled_at = float("-inf")
        self.frames: Mapping[str, ChannelFrames] = {}
        self.clients = 0
        self.frames_encoded = 0
        self._features = read_features(twin)
        self._newest = NewestValues(self._features.index.is_followed)
        self._newest.apply(twin.latest())
        self._watched = twin.watched_states()
        self.snapshot = self._publish(is_away=False)

    def start(self) -> None:
        """Begin to follow the city."""
        self._thread = threading.Thread(target=self._follow, name="live-hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End following; returns when the thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=POLL_S)

    def is_alive(self) -> bool:
        """Whether it still follows the city."""
        return self._thread is not None and self._thread.is_alive()

    def now(self) -> datetime:
        """Present time of the city."""
        return self._twin.now()

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` (from the hub's thread) after every change; returns how to end that."""
        self._listeners.add(wake)
        return lambda: self._listeners.discard(wake)

    def channels(self) -> list[dict[str, object]]:
        """The channels as the ``hello`` message names them."""
        features = self.snapshot.features
        return [
            {
                "no": number,
                "name": channel.name,
                "table": channel.table,
                "version": features.tables[channel.table].version,
                "vmin": channel.scale.vmin,
                "vmax": channel.scale.vmax,
                "scale": channel.scale.scale,
                "kind": channel.kind,
                "interval_s": interval_s(channel, features.index),
            }
            for number, channel in enumerate(CHANNELS)
        ]

    def ages(self) -> dict[str, float]:
        """Age of the newest reading per channel [s]; static channels have none."""
        now_ms = self._twin.now().timestamp() * 1000
        return {
            name: round(max(0.0, now_ms - frames.t_ms) / 1000, 1)
            for name, frames in dict(self.frames).items()
            if frames.t_ms > 0
        }

    def lag(self) -> Lag | None:
        """Lag over the last minutes; None without readings."""
        since = time.monotonic() - LAG_WINDOW_S
        lags = [lag for at, lag in list(self._lags) if at >= since]
        if not lags:
            return None
        p50, p95 = np.percentile(lags, [50, 95])
        return Lag(float(p50), float(p95), len(lags))

    def _follow(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._look(is_notified=self._twin.wait_for_change(IDLE_S))
                is_away = False
            except StoreUnavailableError as error:
                if not self.snapshot.is_away:
                    logger.warning("store unavailable", extra={"reason": str(error)})
                is_away = True
                self._stop.wait(RETRY_S)
            if self._stop.is_set():
                return
            self._publish(is_away=is_away)
            self._stop.wait(max(0.0, 1 / self.tick_hz - (time.monotonic() - started)))

    def _look(self, *, is_notified: bool) -> None:
        is_due = time.monotonic() - self._polled_at >= POLL_S
        if is_due:
            self._polled_at = time.monotonic()
            if self._twin.registry_version() != self._features.version:
                self._features = read_features(self._twin)
                self._newest = NewestValues(self._features.index.is_followed)
                logger.info("registry changed", extra={"version": self._features.version})
            self._watched = self._twin.watched_states()
        if is_due or is_notified:
            is_first = self._newest.revision == 0
            times = self._newest.apply(self._twin.latest(since=self._newest.revision))
            if not is_first:
                self._measure(times)

    def _measure(self, times_us: NDArray[np.int64]) -> None:
        now_us = to_us(self._twin.now())
        at = time.monotonic()
        self._lags.extend((at, lag) for lag in ((now_us - times_us) / 1e6).tolist())

    def _publish(self, *, is_away: bool) -> Snapshot:
        now = self._twin.now()
        index, newest = self._features.index, self._newest
        self.snapshot = Snapshot(
            features=self._features,
            at=now,
            time_us=newest.time_us.copy(),
            value=newest.value.copy(),
            quality=newest.quality.copy(),
            classes=quality_classes(newest, index.cadence_s, now_us=to_us(now)),
            is_away=is_away,
            watched=self._watched,
        )
        watched = [self._watched.get(row.id) for row in self._features.bridges]
        encoded = encode_channels(index, newest, now_us=to_us(now), watched=watched)
        frames = dict(self.frames)
        for number, channel in enumerate(CHANNELS):
            values, t_ms = encoded[channel.name]
            rev = table_rev(self._features.tables[channel.table].version)
            frames[channel.name] = self._tick(frames.get(channel.name), number, values, t_ms, rev)
        self.frames = frames
        for wake in tuple(self._listeners):
            wake()
        return self.snapshot

    def _tick(
        self,
        known: ChannelFrames | None,
        number: int,
        values: NDArray[np.uint8],
        t_ms: float,
        rev: int,
    ) -> ChannelFrames:
        if known is None:
            return ChannelFrames(number, 1, values, None, t_ms, rev)
        if known.is_same(values, rev):
            # The age goes on although no frame is needed; encoded frames keep their own time.
            return replace(known, t_ms=t_ms) if t_ms != known.t_ms else known
        self.frames_encoded += 1
        return known.next(values, t_ms=t_ms, rev=rev)


def interval_s(channel: Channel, index: StreamIndex) -> float | None:
    """Expected interval of a channel [s]: the longest one of its datastreams; None if static."""
    numbers = {
        "roads.speed": index.road_speed,
        "roads.flow": index.road_flow,
        "bridges.monitoring": index.bridge_number,
        "sensors.q": index.sensor_number,
    }.get(channel.name)
    if numbers is None:
        return None
    cadence = index.cadence_s[numbers[numbers >= 0]]
    finite = cadence[np.isfinite(cadence)]
    return float(finite.max()) if finite.size else None
