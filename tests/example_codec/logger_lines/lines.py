"""One reading per line, such as ``2026-06-15T08:00:00Z;level;3.12;ok``.

The sign ``-`` stands for no value, the last field is ``ok`` or ``bad``, and lines that begin with
``#`` are remarks. The key is the level ``{logger}`` of the topic.
"""

import math
import re

from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.times import read_time
from twin.model.messages import CodecContext, Message, Observation, Outcome, Rejection, TimeRule
from twin.model.quality import Quality

NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
FLAGS = {"ok": Quality.GOOD, "bad": Quality.BAD_AT_SOURCE}
FIELDS = 4


def _decode(message: Message, context: CodecContext) -> Outcome:
    key = context.names.get("logger")
    if not key:
        raise RefusedError("missing_field", "no logger; name a level {logger} in the rule's topic")
    most = context.limits.items
    if message.payload.count(b"\n") > most:
        raise RefusedError("too_many_items", f"more than {most} lines; send fewer at once")
    try:
        text = message.payload.decode()
    except UnicodeDecodeError:
        raise RefusedError("not_utf8", "the lines are not UTF-8") from None
    items: list[Observation | Rejection] = []
    missing = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            item = _reading(line.strip(), key, message)
        except RefusedError as refused:
            items.append(Rejection(refused.reason, f"line {number}: {refused.detail}"))
            continue
        if item is None:
            missing += 1
        else:
            items.append(item)
    return Outcome(items, missing=missing)


def _reading(line: str, key: str, message: Message) -> Observation | None:
    fields = line.split(";")
    if len(fields) != FIELDS:
        raise RefusedError("missing_field", f"{len(fields)} fields, expected time;name;value;state")
    told, name, value, state = fields
    if not NAME.fullmatch(name):
        raise RefusedError("wrong_type", "the name is not made of a to z, 0 to 9 and _")
    if state not in FLAGS:
        raise RefusedError("wrong_type", "the state is neither ok nor bad")
    at = read_time(told, TimeRule(""), received_at=message.received_at)
    if value == "-":
        return None
    if not NUMBER.fullmatch(value):
        raise RefusedError("wrong_type", "the value is no number; write - where there is none")
    if not math.isfinite(float(value)):
        raise RefusedError("not_finite", "the value is too large")
    return Observation(key, f"/{name}", at.time, float(value), FLAGS[state] | at.flags)


codec = Decoder("logger_lines", "1", _decode)
