"""Reads all collections of an OGC API Features server with OWSLib; prints what it found as JSON."""

import json
import sys

import owslib  # pyrefly: ignore [missing-import] - of the peers
from owslib.ogcapi.features import Features  # pyrefly: ignore [missing-import]


def main(address: str) -> None:
    """Conformance, collections, and the keys of all features, page by page."""
    server = Features(address)
    found = {}
    for name in server.feature_collections():
        keys: list[str] = []
        page = server.collection_items(name, limit=3)
        while True:
            keys += [feature["id"] for feature in page["features"]]
            if not any(link["rel"] == "next" for link in page["links"]):
                break
            page = server.collection_items(name, limit=3, after=keys[-1])
        one = server.collection_item(name, keys[0])["id"] if keys else None
        found[name] = {"keys": keys, "matched": page["numberMatched"], "one": one}
    conformance = server.conformance()["conformsTo"]
    paths = sorted(server.api()["paths"])
    answer = {"version": owslib.__version__, "conformance": conformance, "paths": paths}
    print(json.dumps({**answer, "collections": found}))


main(sys.argv[1])
