"""A restarted ingester still knows the births that an earlier one has recorded."""

from pathlib import Path

from sparkplug_payloads import T0_MS, metric, payload
from unit.test_ingest_loop import Bench

RULE = '[[codec.rule]]\ntopic = "spBv1.0/#"\ncodec = "sparkplug"\nsource = "tunnel"\n'
BIRTH = payload(
    metric(name="bdSeq", datatype=8, long=1), metric(name="T", alias=7, datatype=10, double=1.0)
)


def data(seq: int) -> bytes:
    return payload(metric(alias=7, double=2.0), seq=seq, at_ms=T0_MS + seq)


def test_births_are_known_after_a_restart_and_a_death_is_an_alarm(tmp_path: Path) -> None:
    """F-SPB-1, F-SPB-5: an alias of an earlier run has its name, so only its registration lacks."""
    bench = Bench(tmp_path, extra=RULE)
    bench.inbox.put(BIRTH, topic="spBv1.0/g/NBIRTH/n")
    bench.inbox.put(data(1), topic="spBv1.0/g/NDATA/n")
    assert bench.steps() == 2
    bench.ingester._recorder.keep_learned(is_last=True)
    bench.ingester = bench.another()
    bench.inbox.put(data(2), topic="spBv1.0/g/NDATA/n")
    assert bench.steps() == 1
    assert set(bench.reasons()) == {"unknown_stream"}
    assert not bench.ingester._recorder.problems["device_dead"]
    death = payload(metric(name="bdSeq", datatype=4, long=1), seq=None)
    bench.inbox.put(death, topic="spBv1.0/g/NDEATH/n")
    assert bench.steps() == 1
    assert set(bench.ingester._recorder.problems["device_dead"]) == {"tunnel/g/n"}


def test_a_batch_that_the_database_refuses_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path, extra=RULE)
    bench.inbox.put(BIRTH, topic="spBv1.0/g/NBIRTH/n")
    assert bench.steps() == 1
    bench.store.away_for = 1
    bench.inbox.put(data(1), topic="spBv1.0/g/NDATA/n")
    bench.step()
    bench.come_back()
    bench.steps()
    bench.inbox.put(data(2), topic="spBv1.0/g/NDATA/n")
    bench.steps()
    assert set(bench.reasons()) == {"unknown_stream"}
