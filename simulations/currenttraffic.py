"""The job ``traffic``: state of today's base against live counts, indicators, forecasts."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from simulations.capacity import capacity_of, prepare_process
from simulations.counting import counters_at
from simulations.running import OpenBases, open_base
from simulations.statetexts import state_text
from twin.city import Twin
from twin.errors import RegistryError, TwinError
from twin.runtime import open_twin
from twin.settings import Settings

if TYPE_CHECKING:
    from twin.model.traffic_state import TrafficState

logger = logging.getLogger(__name__)

DAYS = {"indicators": 365, "forecast": 70}


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Compute and store the state of the running traffic; 1 if it is not valid now."""
    options = _parser(settings).parse_args(arguments)
    prepare_process(settings, threads=capacity_of(settings).threads)
    twin = open_twin(settings, role="work")
    try:
        state = _computed(twin, settings, options)
        twin.traffic.keep_state(state)
        names, now = twin.target_names(), twin.now()
    finally:
        twin.close()
    content = state.document()
    if options.json:
        sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    else:
        language = settings.dashboards.languages[0]
        sys.stdout.write(
            state_text(
                state.kind, content, made_at=state.made_at, now=now, language=language, names=names
            )
        )
    return 0 if content.get("is_valid", True) else 1


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin traffic", description=command.__doc__)
    parser.add_argument("what", choices=("live", "indicators", "forecast"))
    parser.add_argument("asset", nargs="?", help="bridge or road, for indicators and forecast")
    parser.add_argument("--base", default=settings.traffic.base, help="base (%(default)s)")
    parser.add_argument("--days", type=_days, default=0, help="of the past; 365, forecast 70")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= DAYS["indicators"] * 2:
        raise argparse.ArgumentTypeError(f"must be 1 to 730 days, got {text[:40]!r}")
    return int(text)


def _computed(twin: Twin, settings: Settings, options: argparse.Namespace) -> "TrafficState":
    from simulations.livestate import Step, live_state  # noqa: PLC0415 - in a prepared process
    from simulations.outlook import forecast_state, indicators_state  # noqa: PLC0415 - as above

    if options.what == "live":
        stored = twin.base(options.base)
        base = open_base(twin, stored.facts.content_hash)
        step = Step(minutes=settings.traffic.live_minutes or Step().minutes)
        return live_state(twin, base, stored, step=step)
    if not options.asset:
        raise RegistryError(f"name a bridge or a road: twin traffic {options.what} ASSET")
    try:
        network = open_base(twin, twin.base(options.base).facts.content_hash).network
    except RegistryError:
        network = None  # roads by their own id need no base
    chosen = counters_at(twin, network, options.asset)
    zone = ZoneInfo(settings.city.timezone)
    days = options.days or DAYS[options.what]
    if options.what == "indicators":
        return indicators_state(twin, options.asset, chosen, zone=zone, days=days)
    return forecast_state(twin, options.asset, chosen, zone=zone, days=days, network=network)


class LiveWatch:
    """The step of the worker that looks at today's base every few minutes."""

    def __init__(self, settings: Settings, bases: OpenBases) -> None:
        self._name = settings.traffic.base
        self._minutes = settings.traffic.live_minutes
        self._bases = bases
        self._next: datetime | None = None

    def look(self, twin: Twin) -> None:
        """Take the state if it is due; a base that is missing or broken is no reason to stop."""
        now = twin.now()
        if not self._minutes or (self._next is not None and now < self._next):
            return
        self._next = now + timedelta(minutes=self._minutes)
        from simulations.livestate import Step, live_state  # noqa: PLC0415 - kernels

        try:
            stored = twin.base(self._name)
            base = self._bases.open(twin, stored.facts.content_hash)
            state = live_state(twin, base, stored, step=Step(minutes=self._minutes))
            twin.traffic.keep_state(state)
        except RegistryError as error:
            logger.info("no_live_state", extra={"reason": str(error)})
        except TwinError as error:
            logger.warning("live_state_failed", extra={"reason": str(error)})
