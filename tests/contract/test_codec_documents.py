"""The configuration examples of docs/codecs.md are rules that `twin check` accepts."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from sensors.routing import check_rules
from twin.model.messages import CodecRule
from twin.plugins import find

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "codecs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_a_rule_passes_the_check(example: str) -> None:
    told = tomllib.loads(example).get("codec", {}).get("rule", [])
    rules = TypeAdapter(list[CodecRule]).validate_python(told)
    assert check_rules(rules) == []
    assert {rule.codec for rule in rules} <= set(find("codecs"))


def test_every_installed_codec_has_a_section() -> None:
    for name in ("digitraffic", "ngsi_ld", "hfp", "sensorthings"):
        assert f"\n## `{name}`\n" in TEXT
