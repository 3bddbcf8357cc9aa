"""A scenario in an address: packed text that a link can carry; pure."""

import base64
import binascii
import json
import zlib

from twin.errors import ScenarioError
from twin.model.scenarios import Scenario, from_json, to_document

LONGEST_CODE = 1_800
LONGEST_TEXT = 60_000
"""Characters that a code may unpack to; a small code must not fill the memory."""


def code_of(scenario: Scenario) -> str:
    """Code of a scenario; empty if it does not fit an address.

    Examples
    --------
    >>> scenario_of_code(code_of(Scenario("a", "today"))) == Scenario("a", "today")
    True
    """
    text = json.dumps(to_document(scenario), ensure_ascii=False, separators=(",", ":"))
    packed = zlib.compress(text.encode(), 9)
    code = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return code if len(code) <= LONGEST_CODE else ""


def scenario_of_code(code: str) -> Scenario | None:
    """Scenario of a code, checked like a file; None if it is none.

    Examples
    --------
    >>> scenario_of_code("no-code") is None
    True
    """
    try:
        packed = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        reader = zlib.decompressobj()
        text = reader.decompress(packed, LONGEST_TEXT)
        if not reader.eof:
            return None
        return from_json(text.decode())
    except (binascii.Error, zlib.error, ValueError, ScenarioError):
        return None
