"""Writes observations with frost-sta-client: ``frost_writer.py ADDRESS KEY BEGIN FILE``.

Runs in ``.venv-peers`` as a child of ``test_sensorthings_writing.py``. BEGIN is a time in ISO 8601,
from which on there is an observation each second.
"""

import json
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import frost_sta_client as frost  # pyrefly: ignore [missing-import] - of the peers
import requests
from frost_sta_client.model.ext.data_array_document import (  # pyrefly: ignore [missing-import]
    DataArrayDocument,
)
from frost_sta_client.model.ext.data_array_value import (  # pyrefly: ignore [missing-import]
    DataArrayValue,
)

os.environ["NO_PROXY"] = "127.0.0.1"
logging.disable(logging.CRITICAL)
ROWS = 20


def main(address: str, key: str, begin: str, file: str) -> None:
    first = datetime.fromisoformat(begin)
    service = frost.SensorThingsService(address, auth_handler=frost.AuthHandler("any", key))
    stream = service.datastreams().find("B1-temp")

    def observation(second: int, result: float) -> frost.Observation:
        time = (first + timedelta(seconds=second)).isoformat()
        return frost.Observation(phenomenon_time=time, result=result, datastream=stream)

    def created(second: int, result: float) -> frost.Observation:
        made = observation(second, result)
        service.create(made)
        return made

    def status(second: int, result: float, at: frost.SensorThingsService = service) -> int:
        try:
            at.create(observation(second, result))
        except requests.exceptions.HTTPError as error:
            return error.response.status_code
        return 201

    one = created(0, 20.5)
    again = created(0, 20.5)
    array = DataArrayValue()
    array.datastream = stream
    parts = DataArrayValue.Property
    array.components = {parts.PHENOMENON_TIME, parts.RESULT}
    for second in range(1, ROWS + 1):
        array.add_observation(observation(second, 21.0 + second / 8.0))
    array.add_observation(observation(0, 99.0))
    document = DataArrayDocument()
    document.add_data_array_value(array)
    links = [found.self_link for found in service.observations().create(document)]
    stranger = frost.SensorThingsService(address, auth_handler=frost.AuthHandler("any", "guess"))
    answer = {
        "id": one.id,
        "again": again.id,
        "read": service.observations().find(one.id).result,
        "links": links,
        "other_value": status(0, 30.0),
        "far_future": status(86_400 * 30, 20.0),
        "wrong_key": status(50, 20.0, at=stranger),
        "no_key": status(50, 20.0, at=frost.SensorThingsService(address)),
    }
    Path(file).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
