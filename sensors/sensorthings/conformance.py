"""Requirements classes that this build fulfils, each with the tests that prove it.

Only what stands here is told on the landing page; a repository test looks up that every test exists
(``tests/unit/test_sensorthings.py`` and ``tests/integration/test_sensorthings_http.py``).
"""

from collections.abc import Mapping
from types import MappingProxyType

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
