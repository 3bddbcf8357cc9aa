"""Our golden cases: one folder each, read by the public contract kit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sensors.cases import installed_codec, read_case
from sensors.codecs.contract import Case, accounted, described
from twin.model.messages import CodecContext, Message
from twin.ports import Codec

__all__ = ["CASES", "Golden", "accounted", "codec_named", "described", "names", "of_codec", "read"]

CASES = Path(__file__).parent / "codecs"


@dataclass(frozen=True)
class Golden:
    codec: Codec
    case: Case

    @property
    def message(self) -> Message:
        return self.case.message

    @property
    def context(self) -> CodecContext:
        return self.case.context

    @property
    def values(self) -> int:
        return self.case.values

    @property
    def expected(self) -> Mapping[str, object]:
        return self.case.expected


def names() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def read(name: str) -> Golden:
    codec, case = read_case(CASES / name)
    return Golden(codec_named(codec), case)


def of_codec(codec: str) -> list[Case]:
    found = [read_case(CASES / name) for name in names()]
    return [case for name, case in found if name == codec]


@cache
def codec_named(name: str) -> Codec:
    return installed_codec(name)
