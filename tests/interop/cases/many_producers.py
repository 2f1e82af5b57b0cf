"""Eight `produce` at once; Kafka reads what they wrote."""

import collections
import subprocess

import agree
import ottla
import samples
from kafka import Kafka

PRODUCERS = 8
LINES = 20_000


def case_one_partition(work):
    run(work, partitions=1)


def case_six_partitions(work):
    run(work, partitions=6)


def run(work, partitions):
    data = work / "data"
    ottla.create(data, "shared", partitions=partitions, segment_bytes=4 << 20)
    processes = []
    for i in range(PRODUCERS):
        source = work / f"{i}.txt"
        source.write_text(samples.lines(LINES, seed=i, prefix=f"{i}:"))
        processes.append(subprocess.Popen([ottla.BIN / "ottla-produce", f"{data}/shared"],
                                          stdin=open(source, "rb"), stderr=subprocess.PIPE))
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    with Kafka(data, work) as broker:
        records = broker.read("shared")
        broker.assert_content()
    broker.assert_content()
    check(records)
    check(ottla.records(data, "shared"))
    agree.dumps(data)


def check(records):
    assert len(records) == PRODUCERS * LINES, len(records)
    assert len({r.value for r in records}) == PRODUCERS * LINES, "a record is repeated"
    offsets = collections.defaultdict(list)
    last = {}
    for r in sorted(records):
        offsets[r.partition].append(r.offset)
        producer, line = r.value.split(b" ", 1)[0].split(b":")
        place = (r.partition, producer)
        assert last.get(place, -1) < int(line), f"out of order at {r}"
        last[place] = int(line)
    for partition, found in offsets.items():
        assert found == list(range(len(found))), f"a gap in partition {partition}"
