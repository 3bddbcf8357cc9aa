"""Bytes per reading and per waveform sample, for `bench_ingest`."""

import sys
from uuid import uuid4

import numpy as np
from bench.ingest_stage import STREAMS, Stage

from twin.model.observations import Batch, Readings, Waveform
from twin.model.times import to_us, utc_now
from twin.store import open_store

SIZE_ROWS = 1_000_000
BLOCKS, SAMPLES = 10_000, 100
SIZE_BARS = {"reading": 95, "waveform": 6}

say = sys.stdout.write


def sizes(at: Stage) -> None:
    """Bytes per reading and per waveform sample, with all indexes."""
    at.clear()
    store = open_store(at.rig.settings.database.dsn)
    begin_us = to_us(utc_now()) - 3600 * 1_000_000
    incarnation = uuid4()
    size, sequence = 20_000, 0
    for begin in range(0, SIZE_ROWS, size):
        row = np.arange(begin, begin + size)
        readings = Readings(
            number=np.array(at.numbers, np.int32)[row % STREAMS],
            time_us=begin_us + (row // STREAMS) * 1_000_000,
            value=np.random.default_rng(begin).normal(20.0, 5.0, size),
            quality=np.zeros(size, np.int16),
        )
        sequence += 1
        store.record(Batch(incarnation=incarnation, sequence=sequence, readings=readings))
    wave = int(str(at.one(b"SELECT number FROM datastream WHERE kind = 'waveform'")))
    generator = np.random.default_rng(1)
    for begin in range(0, BLOCKS, 500):
        blocks = tuple(
            Waveform(
                number=wave,
                t0_us=begin_us + row * 1_000_000 // 10,
                rate_hz=1000.0,
                samples=generator.normal(0.0, 0.1, SAMPLES).astype(np.float32),
            )
            for row in range(begin, begin + 500)
        )
        sequence += 1
        store.record(Batch(incarnation=incarnation, sequence=sequence, waveforms=blocks))
    store.close()
    say("\n## Size on disk, table and index\n\n")
    for table, units, unit in (
        (b"reading", SIZE_ROWS, "reading"),
        (b"waveform", BLOCKS * SAMPLES, f"sample, {SAMPLES} in a block"),
    ):
        total = at.one(
            b"SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s) WHERE isleaf",
            table.decode(),
        )
        bar = SIZE_BARS[table.decode()]
        say(f"- {float(str(total)) / units:.1f} bytes per {unit} (bar: {bar})\n")
