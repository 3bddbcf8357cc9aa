"""A city folder becomes a `City`, or one error that lists everything wrong with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from twin.errors import CityError
from twin.exchange.citations import provenance_of, read_attributes, read_references
from twin.exchange.layers import SUFFIXES, Feature, read_layers
from twin.exchange.problems import Known, Problems, suggestion
from twin.exchange.registry import Registry
from twin.model.assets import Asset, Attribute
from twin.model.city import City
from twin.model.provenance import Provenance
from twin.settings import CitySettings

TABLES = (
    "attributes.csv",
    "components.csv",
    "datastreams.csv",
    "references.csv",
    "sensors.csv",
)
# Asset classes whose length is computed from the geometry where it is not given.
MEASURED_CLASSES = ("road_section",)
LENGTH = "length_m"


def read_city(folder: Path, settings: CitySettings) -> City:
    """City from the layers and tables of a folder, as ``docs/city-folder.md`` describes them.

    Parameters
    ----------
    folder
        Folder with ``city.toml``, layer files and tables.
    settings
        Name, extent and metric CRS of the city.

    Raises
    ------
    CityError
        If anything is wrong; it lists every problem with file, row and remedy.
    """
    if not folder.is_dir():
        raise CityError(f"{folder} is not a folder; name the folder that holds city.toml")
    problems = Problems(folder)
    _check_names(folder, problems)
    asset_ids, reference_ids = Known("asset"), Known("reference")
    references = read_references(folder, known=reference_ids, problems=problems)
    features = read_layers(
        folder, settings, known=asset_ids, references=reference_ids, problems=problems
    )
    attributes = _by_asset(
        read_attributes(folder, assets=asset_ids, references=reference_ids, problems=problems)
    )
    _check_twice(features, attributes, problems)
    assets = _assets(features, attributes, references=reference_ids, crs=settings.crs)
    geometry = {asset.id: asset.geometry for asset in assets}
    registry = Registry(folder, problems, asset_ids, geometry, settings.extent)
    component_ids, sensor_ids = Known("component"), Known("sensor")
    components = registry.read_components(component_ids)
    sensors = registry.read_sensors(sensor_ids)
    owners = {component.id: component for component in components}
    datastreams = registry.read_datastreams(owners, parts=component_ids, sensors=sensor_ids)
    problems.raise_if_any()
    return City(
        name=settings.name,
        references=tuple(references),
        assets=assets,
        components=tuple(components),
        sensors=tuple(sensors),
        datastreams=tuple(datastreams),
    )


def _check_names(folder: Path, problems: Problems) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv" and path.name not in TABLES:
            problems.add(
                path.name,
                f"table {path.name!r} is unknown{suggestion(path.name, TABLES)}; "
                "rename or remove it",
            )
        if path.suffix == ".shp":
            problems.add(path.name, f"Shapefiles are not read; save it as {' or '.join(SUFFIXES)}")


def _by_asset(rows: Sequence[tuple[str, Attribute]]) -> Mapping[str, Sequence[Attribute]]:
    found: dict[str, list[Attribute]] = {}
    for asset, attribute in rows:
        found.setdefault(asset, []).append(attribute)
    return found


def _check_twice(
    features: Sequence[Feature], attributes: Mapping[str, Sequence[Attribute]], problems: Problems
) -> None:
    """Note the attributes that stand in a layer and in ``attributes.csv`` as well."""
    for feature in features:
        rows = attributes.get(feature.row.text("id"), ())
        of_layer = {item.name for item in feature.attributes} if rows else set()
        for item in rows:
            if item.name in of_layer:
                problems.add(
                    feature.row.place,
                    f"attribute {item.name!r} stands in attributes.csv, too; remove one of the two",
                )


def _assets(
    features: Sequence[Feature],
    attributes: Mapping[str, Sequence[Attribute]],
    *,
    references: Known,
    crs: str,
) -> tuple[Asset, ...]:
    assets = []
    for feature in features:
        provenance = provenance_of(feature.row, references)
        key = feature.row.text("id")
        given = [*feature.attributes, *attributes.get(key, ())]
        names = {attribute.name for attribute in given}
        if feature.asset_class in MEASURED_CLASSES and LENGTH not in names:
            given.append(_length(feature, crs))
        if provenance is not None:
            assets.append(
                Asset(
                    id=key,
                    asset_class=feature.asset_class,
                    name=feature.row.text("name"),
                    geometry=feature.geometry,
                    geometry_provenance=provenance,
                    attributes=tuple(given),
                )
            )
    return tuple(assets)


def _length(feature: Feature, crs: str) -> Attribute:
    provenance = Provenance("derived", by=f"length of the geometry in {crs}")
    return Attribute(LENGTH, round(feature.length_m, 1), "m", provenance)
