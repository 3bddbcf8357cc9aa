"""Sensor fault, structural change and traffic are told apart in the labelled fault world."""

import pytest
from fault_world import CASES, Case, judged, world_of

from twin.model.phrases import is_known

SEED = 3
"""One bridge in the suite; ``python -m tests.bench.bench_faults`` judges many."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cause_is_named_with_known_sentences_and_raw_signals(case: Case) -> None:
    label, findings, _ = judged(world_of(case, SEED))
    assert label == case.truth
    for finding in findings:
        assert finding.evidence
        assert is_known(finding.statement)
        assert is_known(finding.next_step)
        assert all(is_known(reason.statement) for reason in finding.reasons)


def test_a_sound_bridge_has_no_finding() -> None:
    label, findings, _ = judged(world_of(CASES[0], SEED + 1))
    assert (label, findings) == ("none", ())
