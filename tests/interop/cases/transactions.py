"""A transaction that one side left open is ended by the other, under the same id."""

import time

import agree
import ottla
import samples
from kafka import Kafka
from record import tohex


def committed(data, topic):
    return sorted(r.value for r in ottla.records(data, topic, "--read-committed"))


def left_open_by_ottla(data, *options):
    """A run killed after some of its records are in the log."""
    before = len(ottla.records(data, "txn"))
    process = ottla.start_produce(data, "txn", *options)
    text = samples.lines(50_000, prefix="open ").encode()
    process.stdin.write(text)
    process.stdin.flush()
    deadline = time.monotonic() + 20
    while len(ottla.records(data, "txn")) == before:
        assert time.monotonic() < deadline, "nothing was written before the end of the input"
        time.sleep(0.05)
    process.kill()
    process.wait()
    process.stdin = None


def case_kafka_aborts_ours(work):
    """Kafka's coordinator finds our record of the transaction and aborts it for the next producer."""
    data = work / "data"
    ottla.create(data, "txn", partitions=2)
    ottla.produce(data, "txn", "before\n")
    left_open_by_ottla(data, "--transaction=mine")
    with Kafka(data, work) as broker:
        assert [r.value for r in broker.read("txn", isolation="read_committed")] == [b"before"]
        broker.write(["begin", f"send\ttxn\t0\t-\t-\t{tohex(b'after')}",
                      f"send\ttxn\t1\t-\t-\t{tohex(b'after')}", "commit"], transactional_id="mine")
        found = sorted(r.value for r in broker.read("txn", isolation="read_committed"))
        assert found == [b"after", b"after", b"before"], found[:5]
        agree.committed(broker, data, "txn")
        # A batch that the kill cut short may be found and nothing else.
        assert all("Corruption found in segment" in line for line in broker.complaints()), broker.complaints()
    assert committed(data, "txn") == found
    agree.dumps(data)


def case_ottla_aborts_kafkas(work):
    data = work / "data"
    broker = Kafka(data, work)
    ottla.create(data, "txn", partitions=2)
    with broker:
        broker.write(["begin", *(f"send\ttxn\t{i % 2}\t-\t-\t{tohex(b'open')}" for i in range(10)), "die"],
                     transactional_id="mine")
    assert committed(data, "txn") == []
    ottla.produce(data, "txn", "after\nand after\n", "--transaction=mine")
    assert committed(data, "txn") == [b"after", b"and after"]
    with broker:
        agree.committed(broker, data, "txn")
        broker.write(["begin", f"send\ttxn\t0\t-\t-\t{tohex(b'Kafka again')}", "commit"], transactional_id="mine")
        agree.committed(broker, data, "txn")
        broker.assert_content()
    broker.assert_content()
    assert committed(data, "txn") == [b"Kafka again", b"after", b"and after"]
    agree.dumps(data)
