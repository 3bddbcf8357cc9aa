"""Requirements classes that this build fulfils, each with the tests that prove it.

Only what stands here is told on the landing page; a repository test looks up that every test exists
(``tests/unit/test_sensorthings.py``). What needs rules of the city is told where they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sensors.sensorthings.creating import listens_on_topics, rule_for_posts
from twin.settings import Settings

_REQ = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
_DATA = f"{_REQ}request-data/"

CONFORMANCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"{_REQ}datamodel": ("test_every_entity_has_the_properties_and_links_of_the_standard",),
        f"{_REQ}resource-path/resource-path-to-entities": (
            "test_addresses_lead_to_entities_properties_values_and_references",
        ),
        f"{_DATA}select": ("test_select_delivers_only_what_it_names",),
        f"{_DATA}expand": ("test_expand_delivers_linked_entities_also_nested",),
        f"{_DATA}filter": ("test_filters_compare_combine_and_navigate",),
        f"{_DATA}built-in-filter-operations": ("test_operators_of_filters",),
        f"{_DATA}built-in-query-functions": ("test_functions_of_filters",),
        f"{_DATA}orderby": ("test_orderby_sorts_by_several_keys",),
        f"{_DATA}top": ("test_top_and_skip_cut_a_collection",),
        f"{_DATA}skip": ("test_top_and_skip_cut_a_collection",),
        f"{_DATA}count": ("test_count_is_that_of_all_pages",),
        f"{_DATA}pagination": ("test_following_the_next_link_delivers_each_entity_once",),
        f"{_DATA}status-code": ("test_what_is_wrong_has_the_status_of_the_standard",),
        f"{_DATA}query-status-code": ("test_what_is_wrong_has_the_status_of_the_standard",),
    }
)
DATA_ARRAY = f"{_REQ}data-array/data-array"
CREATE_BY_MQTT = f"{_REQ}create-observations-via-mqtt/observations-creation"
CREATION: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        DATA_ARRAY: ("test_the_independent_client_writes_and_reads_back_over_a_restart",),
        CREATE_BY_MQTT: ("test_the_independent_client_writes_and_reads_back_over_a_restart",),
    }
)
"""Classes that need a broker and rules of the codec ``sensorthings_made``.

``tests/integration/test_sensorthings_writing.py`` proves them. Not claimed: create, update and
delete of entities, and updates over MQTT, as topics with ``$select`` and those of entities and
properties are not served.
"""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the landing page says.

    Parameters
    ----------
    created
        Classes of `CREATION` that hold with the rules of this city.
    endpoint
        Address of the broker.
    """

    created: tuple[str, ...] = ()
    endpoint: str = ""

    def document(self) -> dict[str, object]:
        """``serverSettings`` of the landing page."""
        found: dict[str, object] = {"conformance": [*CONFORMANCE, *self.created]}
        if CREATE_BY_MQTT in self.created:
            found[CREATE_BY_MQTT] = {"endpoints": [self.endpoint]}
        return found


def claims(settings: Settings) -> Claims:
    """What holds with these settings."""
    broker = settings.broker
    if not broker.host:
        return Claims()
    created = (
        *([DATA_ARRAY] if rule_for_posts(settings) is not None else []),
        *([CREATE_BY_MQTT] if listens_on_topics(settings) else []),
    )
    is_socket = broker.transport == "websockets"
    scheme = ("ws" if is_socket else "mqtt") + ("s" if broker.use_tls else "")
    path = broker.websocket_path if is_socket else ""
    return Claims(created, f"{scheme}://{broker.host}:{broker.port}{path}")
