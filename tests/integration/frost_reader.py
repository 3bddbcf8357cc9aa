"""Reads a SensorThings server with frost-sta-client: ``frost_reader.py ADDRESS FILE``.

Runs in ``.venv-peers`` as a child of ``test_sensorthings_client.py``.
"""

import json
import logging
import os
import sys
from pathlib import Path

import frost_sta_client as frost  # pyrefly: ignore [missing-import] - of the peers
import requests

os.environ["NO_PROXY"] = "127.0.0.1"
logging.disable(logging.CRITICAL)


def main(address: str, file: str) -> None:
    service = frost.SensorThingsService(address)
    things = service.things().query().orderby("id", "asc").list()
    bridge = service.things().find("B1")
    streams = list(bridge.get_datastreams().query().list())
    strain = service.datastreams().find("B1-strain")
    query = service.datastreams().query().filter("id eq 'B1-strain'").expand("ObservedProperty")
    described = next(iter(query.list()))
    links: list[str] = []
    observations = strain.get_observations().query().orderby("phenomenonTime", "asc")
    listed = observations.top(1000).count().list()
    results = []
    for one in listed:
        results.append(one.result)
        if listed.next_link not in (None, *links):
            links.append(listed.next_link)
    threshold = len(results) - 10
    above = strain.get_observations().query().filter(f"result ge {threshold}").list()
    flow = next(iter(service.datastreams().find("L1.ab-q").get_observations().query().list()))
    gauge = next(iter(service.things().find("P1").get_locations().query().list()))
    expanded = service.things().query().filter("id eq 'B1'")
    expanded = expanded.expand("Datastreams($expand=Observations($top=1))").list()
    newest = {}
    for stream in next(iter(expanded)).datastreams:
        values = [] if stream.observations is None else [one.result for one in stream.observations]
        newest[stream.id] = values[0] if values else None
    try:
        service.things().find("nowhere")
        missing = 200
    except requests.exceptions.HTTPError as error:
        missing = error.response.status_code
    answer = {
        "things": [thing.id for thing in things],
        "streams": [stream.id for stream in streams],
        "unit": strain.unit_of_measurement.symbol,
        "observed": described.observed_property.name,
        "count": listed.count,
        "results": results,
        "pages": len(links) + 1,
        "above": [one.result for one in above],
        "interval": flow.phenomenon_time,
        "quality": flow.result_quality,
        "location": list(gauge.location["coordinates"]),
        "expanded": newest,
        "missing": missing,
    }
    Path(file).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
