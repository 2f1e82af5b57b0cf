"""`ottla` and Kafka take turns on one directory: nothing lost, nothing repeated."""

import signal

import agree
import ottla
import samples
from kafka import Kafka


def case_clean(work):
    data = work / "data"
    broker = Kafka(data, work)
    ottla.create(data, "turns", partitions=2, segment_bytes=1048576)
    expected = []
    for turn in range(3):
        text = samples.lines(4000, seed=turn, prefix=f"ottla {turn} ")
        ottla.produce(data, "turns", text)
        expected += text.splitlines()
        with broker:
            check(data, expected, broker)
            text = samples.lines(4000, seed=turn, prefix=f"kafka {turn} ")
            broker.kcat_write("turns", text, "-X", "enable.idempotence=true")
            expected += text.splitlines()
            check(data, expected, broker)
            broker.assert_content()
        broker.assert_content()
        check(data, expected)
    agree.dumps(data)


def case_kafka_killed(work):
    data = work / "data"
    broker = Kafka(data, work)
    ottla.create(data, "turns", segment_bytes=1048576)
    expected = []
    for turn in range(3):
        text = samples.lines(3000, seed=turn, prefix=f"ottla {turn} ")
        ottla.produce(data, "turns", text)
        expected += text.splitlines()
        broker.start()
        check(data, expected, broker)
        text = samples.lines(3000, seed=turn, prefix=f"kafka {turn} ")
        broker.kcat_write("turns", text)
        expected += text.splitlines()
        broker.kill()
        check(data, expected)
    with broker:
        check(data, expected, broker)
        broker.assert_content()
    agree.dumps(data)


def case_ottla_killed(work):
    """Kafka opens what a killed `produce` left, with no `ottla` in between."""
    data = work / "data"
    broker = Kafka(data, work)
    expected = []
    ottla.create(data, "turns")
    for turn in range(3):
        text = samples.lines(20_000, seed=turn, prefix=f"ottla {turn} ")
        before = len(expected)
        process = ottla.start_produce(data, "turns", "--sync", "batch")
        try:
            # Enough for many batches; the pipe stays open, so the end is never reached.
            process.stdin.write(text.encode())
            process.stdin.flush()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdin = None
        with broker:
            values = [r.value.decode() for r in sorted(broker.read("turns"))]
            kept = values[before:]
            assert values[:before] == expected and kept == text.splitlines()[:len(kept)], turn
            expected = values
            broker.kcat_write("turns", f"kafka {turn}\n")
            expected.append(f"kafka {turn}")
        # A write that the kill cut short is what Kafka's recovery is for, and all it may find.
        assert all("Corruption found in segment" in line for line in broker.complaints()), broker.complaints()
        check(data, expected)
    assert len(expected) > 1000, "every run was killed before it had written anything"
    agree.dumps(data)


def check(data, expected, broker=None):
    readers = {"ottla": ottla.records(data, "turns")}
    if broker is not None:
        readers["Kafka"] = broker.read("turns")
    for name, records in readers.items():
        found = sorted(r.value.decode() for r in records)
        assert found == sorted(expected), f"{name}: {len(found)} records, expected {len(expected)}"


def case_idempotent_producer_goes_on(work):
    """A producer id that Kafka gave out keeps its sequence across runs of both."""
    data = work / "data"
    broker = Kafka(data, work)
    ottla.produce(data, "seq", "first\n")
    for turn in range(2):
        with broker:
            broker.write(["begin", *(f"send\tseq\t0\t-\t-\tx{turn:02}{i:02}" for i in range(20)), "commit"],
                         transactional_id="same")
            broker.assert_content()
        ottla.produce(data, "seq", f"ottla {turn}\n")
    assert len(ottla.records(data, "seq", "--read-committed")) == 1 + 2 * 21
