"""Listed bridges and the road network: proposals on the work list, and what a person confirms."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from shapely.geometry import LineString

from twin.city import Twin
from twin.errors import ModelError, RegistryError
from twin.exchange.matching import Link, Listed, Match, axis_deg, classes_of, matches
from twin.exchange.places import to_degrees
from twin.exchange.roadsections import text_of
from twin.model.assets import Asset
from twin.model.bridge import PartStructure, Structure
from twin.model.records import InventoryRecord, WorkItem
from twin.model.roads import road_class

SOURCE = "road network"
"""Source of the work items that propose matches."""
LINKS = "links"


def name_of(record: InventoryRecord) -> str:
    """Asset and part of a part structure, as a person names it."""
    return f"{record.asset_id}-{record.part}" if record.part else record.asset_id


def propose(twin: Twin) -> Sequence[Match]:
    """The best link for every part structure with a place and without links; also listed as work.

    Those that belong to no asset of the map have the nearest free bridge of the map listed, too. A
    proposal that is confirmed, or no longer found, leaves the work list.
    """
    assets = {asset.id: asset for asset in twin.assets()}
    parts = [record for record in _standing(_parts(twin), assets) if not _links(record)]
    roads = _roads(twin)
    listed = [one for part in parts if (one := _listed(part, assets.get(part.asset_id), roads))]
    found = matches(listed, list(_network(assets.values())))
    owner = {name_of(part): part for part in parts}
    items = [_item(match, owner[match.name]) for match in found]
    items += [_asset_item(match, owner[match.name]) for match in _unplaced(listed, owner, assets)]
    twin.bridges.book.note_work(SOURCE, items, at=twin.now())
    return found


def _unplaced(
    listed: Sequence[Listed],
    owner: Mapping[str, InventoryRecord],
    assets: Mapping[str, Asset],
) -> Sequence[Match]:
    """The best bridge of the map for listed bridges that belong to none."""
    taken = {record.asset_id for record in owner.values()}
    free = [
        Link(asset.id, asset.geometry, road_class(asset))
        for asset in assets.values()
        if asset.asset_class == "bridge" and asset.id not in taken
    ]
    return matches([one for one in listed if owner[one.name].asset_id not in assets], free)


def confirm(twin: Twin, name: str, link_ids: Sequence[str], *, person: str, reason: str) -> None:
    """Keep what a person says of the links that a part structure carries.

    The record gets a new version with the links, and with person and reason in its notes.

    Raises
    ------
    ModelError
        If person or reason is missing.
    RegistryError
        If there is no such part structure, or a link is not in the registry.
    """
    if not person.strip() or not reason.strip():
        raise ModelError("a match is confirmed by a person with a reason; both must be given")
    known = {asset.id for asset in twin.assets("road_section")}
    unknown = [link for link in link_ids if link not in known]
    if unknown or not link_ids:
        raise RegistryError(
            f"no road section {', '.join(map(repr, unknown)) or 'is given'}; see the proposals"
        )
    record = next((one for one in _parts(twin) if name_of(one) == name), None)
    if record is None or not isinstance(record.content, PartStructure):
        raise RegistryError(f"no part structure {name!r} is recorded; see the work list")
    note = f"confirmed by {person.strip()}: {reason.strip()}"
    changed = dataclasses.replace(
        record,
        content=dataclasses.replace(record.content, links=tuple(link_ids)),
        notes={**record.notes, LINKS: note},
    )
    twin.bridges.book.add([changed], at=twin.now())
    propose(twin)


def with_confirmed(
    records: Iterable[InventoryRecord], known: Iterable[InventoryRecord]
) -> list[InventoryRecord]:
    """Records of a list with the links that were confirmed before, where it states none."""
    confirmed = {
        (one.asset_id, one.part): one for one in known if LINKS in one.notes and _links(one)
    }
    return [_confirmed(one, confirmed.get((one.asset_id, one.part))) for one in records]


def proposal_lines(found: Sequence[Match]) -> Sequence[str]:
    """Proposals as sentences, the clear ones first."""
    ordered = sorted(found, key=lambda one: (not one.is_clear, -one.score))
    return tuple(_sentence(one) for one in ordered)


def _confirmed(record: InventoryRecord, known: InventoryRecord | None) -> InventoryRecord:
    content = record.content
    if known is None or not isinstance(content, PartStructure) or content.links:
        return record
    return dataclasses.replace(
        record,
        content=dataclasses.replace(content, links=_links(known)),
        notes={**record.notes, LINKS: known.notes[LINKS]},
    )


def _parts(twin: Twin) -> list[InventoryRecord]:
    return [stored.record for stored in twin.bridges.book.records(kind="part_structure")]


def _standing(
    parts: Sequence[InventoryRecord], assets: Mapping[str, Asset]
) -> list[InventoryRecord]:
    """Part structures without those that have been linked to an asset of the map since."""
    linked = {_numbered(one) for one in parts if one.asset_id in assets}
    return [one for one in parts if one.asset_id in assets or _numbered(one) not in linked]


def _numbered(record: InventoryRecord) -> tuple[str, str]:
    return getattr(record.content, "number", record.asset_id), record.part


def _links(record: InventoryRecord) -> tuple[str, ...]:
    return record.content.links if isinstance(record.content, PartStructure) else ()


def _roads(twin: Twin) -> dict[str, tuple[str, ...]]:
    """Texts that may hold the road number, by asset."""
    found: dict[str, tuple[str, ...]] = {}
    for stored in twin.bridges.book.records(kind="structure"):
        content = stored.record.content
        if isinstance(content, Structure):
            found[stored.record.asset_id] = (*content.roads, content.name)
    return found


def _listed(
    record: InventoryRecord, asset: Asset | None, roads: dict[str, tuple[str, ...]]
) -> Listed | None:
    part = record.content
    if not isinstance(part, PartStructure):
        return None
    place = to_degrees(part)
    if place is None:
        if asset is None:
            return None
        place = (asset.geometry.centroid.x, asset.geometry.centroid.y)
    texts = [*roads.get(record.asset_id, ()), part.name]
    texts += [] if asset is None else [asset.name, text_of(asset, "road")]
    axis = None if asset is None else axis_deg(asset.geometry)
    return Listed(name_of(record), *place, axis, classes_of(texts))


def _network(assets: Iterable[Asset]) -> Iterable[Link]:
    for asset in assets:
        if asset.asset_class == "road_section" and isinstance(asset.geometry, LineString):
            yield Link(asset.id, asset.geometry, road_class(asset))


def _asset_item(match: Match, record: InventoryRecord) -> WorkItem:
    detail = (
        f"{_sentence(match, what='bridge')}; if it is that bridge of the map, write "
        f'"{match.name}" = "{match.link_id}" under [inventory.assets] and import the list again'
    )
    return WorkItem(SOURCE, "asset_unconfirmed", detail, record.asset_id, record.part)


def _sentence(match: Match, *, what: str = "link") -> str:
    parts = [f"{match.distance_m:.0f} m off"]
    if match.turned_deg is not None:
        parts.append(f"direction {match.turned_deg:.0f} degrees off")
    if match.is_same_class is not None:
        parts.append("road class agrees" if match.is_same_class else "road class differs")
    rival = f", next {match.rival} ({match.rival_score:.2f})" if match.rival else ""
    return (
        f"{match.name}: {what} {match.link_id}, {', '.join(parts)}; score {match.score:.2f}{rival}"
    )


def _item(match: Match, record: InventoryRecord) -> WorkItem:
    detail = (
        f"{_sentence(match)}; confirm it with `twin import bridges --confirm "
        f"{match.name}={match.link_id} --person WHO --reason WHY`"
    )
    return WorkItem(SOURCE, "link_unconfirmed", detail, record.asset_id, record.part, LINKS)
