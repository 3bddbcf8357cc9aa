"""Dash components of our own: a Python class and hand-written JavaScript each, no build step.

The scripts are served by Dash from this package, never from another host.
``vendor/`` holds the bundles of third-party JavaScript; maintainers rebuild them with
``dashboards/frontend/build.sh``.
"""

from dash.development.base_component import ComponentRegistry

__version__ = "0.1.0"


def _scripts(*paths: str, dynamic: bool = False) -> list[dict[str, object]]:
    return [
        {"relative_package_path": path, "namespace": __name__, "dynamic": dynamic} for path in paths
    ]


_js_dist = [
    *_scripts(
        "vendor/twin-deck.min.js",
        "vendor/uPlot.min.js",
        "twin_map/twin_table.js",
        "twin_map/live_value_extension.js",
        "twin_map/live_channels.js",
        "twin_map/map_layers.js",
        "twin_map/map_texts.js",
        "twin_map/map_list.js",
        "twin_map/map_page.js",
        "twin_map/map_compare.js",
        "twin_map/map_view.js",
        "twin_map/map_live.js",
        "twin_map/twin_map.js",
        "series_chart/series_chart.js",
    ),
    *_scripts("twin_map/live_worker.js", dynamic=True),
]
_css_dist = _scripts(
    "vendor/uPlot.min.css", "twin_map/twin_map.css", "series_chart/series_chart.css"
)

# Dash looks for scripts at the top package of a component; ours lie here.
ComponentRegistry.registry.add(__name__)
