"""What must not reach the quarantine: plates, addresses, images, owners of gateways. Pure.

The patterns are rows of ``privacy_fields.csv``: names of fields whose values go, and forms of
values that go wherever they stand.
"""

import re
from functools import cache

from twin.model.tables import rows

MASK = b"***"


@cache
def _compiled() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    table = rows("privacy_fields")
    names = "|".join(row["pattern"] for row in table if row["kind"] == "field")
    values = "|".join(row["pattern"] for row in table if row["kind"] == "value")
    field = rf'("(?:{names})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[-+0-9.eE]+)'
    return re.compile(field.encode(), re.IGNORECASE), re.compile(values.encode("latin-1"))


def masked(payload: bytes) -> bytes:
    """Payload with private values replaced; readable JSON stays readable JSON.

    It works on bytes, so that broken payloads lose the same values.

    Examples
    --------
    >>> masked(b'{"rssi": -97, "latitude": 51.0}')
    b'{"rssi": -97, "latitude": null}'
    >>> masked(b'{"text": "seen DD-AB 123", "v": 1')
    b'{"text": "seen ***", "v": 1'
    """
    field, value = _compiled()
    return value.sub(MASK, field.sub(rb"\1null", payload))
