"""The data sets of a city as an entry of an open-data portal: DCAT-AP 3 in JSON-LD; pure.

Source: DCAT-AP 3.0.0 (SEMIC, 2024), classes Catalogue, Dataset, Distribution, Data Service.
"""

from collections.abc import Mapping, Sequence

import shapely

from twin.model.provenance import Reference
from twin.model.tables import rows

CONTEXT: Mapping[str, object] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "locn": "http://www.w3.org/ns/locn#",
    "gsp": "http://www.opengis.net/ont/geosparql#",
}
MEDIA_TYPE = "application/ld+json"
IANA = "http://www.iana.org/assignments/media-types/"


def catalogue(
    *,
    city: str,
    root: str,
    extent: Sequence[float],
    modified: str,
    references: Sequence[Reference] = (),
) -> Mapping[str, object]:
    """Catalogue with one data set for each row of ``data_sets.csv``.

    Parameters
    ----------
    city
        Name of the city, which is the publisher as well.
    root
        Address of the web server without a slash at the end.
    extent
        West, south, east, north [deg].
    modified
        Time of the export (ISO 8601).
    references
        What the facts cite: named as sources with their licences. No licence is made up: a data set
        has the one that the city gives it in its own portal.

    Examples
    --------
    >>> found = catalogue(city="Town", root="http://127.0.0.1:8050", extent=(13, 50, 14, 51),
    ...                   modified="2026-11-22T00:00:00Z")
    >>> found["@type"], found["dcat:dataset"][0]["dct:identifier"]
    ('dcat:Catalog', 'assets')
    """
    publisher = {"@id": f"{root}/#city", "@type": "foaf:Agent", "foaf:name": city}
    service = {
        "@id": f"{root}/ogc/features",
        "@type": "dcat:DataService",
        "dct:title": {"@value": "OGC API Features", "@language": "en"},
        "dcat:endpointURL": {"@id": f"{root}/ogc/features"},
        "dcat:endpointDescription": {"@id": f"{root}/ogc/features/api"},
    }
    return {
        "@context": CONTEXT,
        "@id": f"{root}/api/exports/catalog.jsonld",
        "@type": "dcat:Catalog",
        "dct:title": [_text(f"Digital twin of {city}", "en"), _text(f"Stadtzwilling {city}", "de")],
        "dct:description": _text("Infrastructure of the city as its digital twin knows it.", "en"),
        "dct:publisher": publisher,
        "dct:modified": _time(modified),
        "dcat:service": [service],
        "dcat:dataset": [
            _data_set(row, publisher, root=root, extent=extent, references=references)
            for row in rows("data_sets")
        ],
    }


def _data_set(
    row: Mapping[str, str],
    publisher: Mapping[str, object],
    *,
    root: str,
    extent: Sequence[float],
    references: Sequence[Reference],
) -> Mapping[str, object]:
    here = f"{root}/#{row['key']}"
    west, south, east, north = extent
    box = shapely.to_wkt(shapely.box(west, south, east, north), rounding_precision=6)
    sources = [
        {"@type": "dct:ProvenanceStatement", "dct:description": _cited(one)} for one in references
    ]
    pairs = [pair.split("=", 1) for pair in row["distributions"].split("|")]
    return {
        "@id": here,
        "@type": "dcat:Dataset",
        "dct:identifier": row["key"],
        "dct:title": [_text(row["english"], "en"), _text(row["german"], "de")],
        "dct:description": _text(row["description"], "en"),
        "dct:publisher": {"@id": publisher["@id"]},
        "dct:spatial": {
            "@type": "dct:Location",
            "dcat:bbox": {"@value": box, "@type": "gsp:wktLiteral"},
        },
        **({"dct:provenance": sources} if sources else {}),
        "dcat:distribution": [
            _distribution(f"{root}{address}", media_type) for media_type, address in pairs
        ],
    }


def _distribution(address: str, media_type: str) -> Mapping[str, object]:
    return {
        "@id": address,
        "@type": "dcat:Distribution",
        "dcat:accessURL": {"@id": address},
        "dcat:mediaType": {"@id": f"{IANA}{media_type}"},
    }


def _cited(reference: Reference) -> str:
    return f"{reference.title} ({reference.licence or 'licence not stated'})"


def _text(text: str, language: str) -> Mapping[str, str]:
    return {"@value": text, "@language": language}


def _time(text: str) -> Mapping[str, str]:
    return {"@value": text, "@type": "xsd:dateTime"}
