"""What all pages and routes of one web server share."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from dashboards.i18n.translate import Texts
from dashboards.live.hub import Hub, Snapshot
from twin.city import Twin
from twin.plugins import BrokenPlugin
from twin.settings import Settings


@dataclass(frozen=True, slots=True)
class CityView:
    """One city as the web server shows it."""

    twin: Twin
    settings: Settings
    hub: Hub
    broken: tuple[BrokenPlugin, ...] = ()

    @property
    def now(self) -> Snapshot:
        """Newest state of the city."""
        return self.hub.snapshot

    def texts(self, language: str | None) -> Texts:
        """Texts in a language; in the first language of the city if it is not offered."""
        offered = self.settings.dashboards.languages
        chosen = language if language in offered else offered[0]
        return Texts(str(chosen), self.settings.city.timezone)


def view_of(connection: HTTPConnection) -> CityView:
    """The city that the web server of a request or socket shows."""
    return cast("CityView", connection.app.state.view)
