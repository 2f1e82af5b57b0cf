"""Directories that nothing happened to but Kafka, and `ottla`: `verify` finds no damage."""

import json
import subprocess
import time

import ottla
import samples
from cases.we_read_kafkas import create, fill, send
from kafka import Kafka

# Everything that moves segments about moves often.
BUSY = {
    "log.cleaner.backoff.ms": 200,
    "log.retention.check.interval.ms": 500,
    "log.segment.delete.delay.ms": 2000,
    "log.cleaner.delete.retention.ms": 500,
    "log.flush.offset.checkpoint.interval.ms": 1000,
    "log.flush.start.offset.checkpoint.interval.ms": 1000,
    "producer.id.expiration.ms": 20000,
    "metadata.log.max.record.bytes.between.snapshots": 20000,
}


def quiet(data):
    """Nothing worse than a note."""
    done = subprocess.run([ottla.BIN / "ottla-inspect", "verify", data, "--json"],
                          capture_output=True, timeout=120, check=False)
    worse = [line for line in done.stdout.decode().splitlines()
             if json.loads(line).get("severity", "note") != "note"]
    assert not worse and done.returncode == ottla.DONE, \
        f"{data}:\n" + "\n".join(worse) + done.stderr.decode()[-2000:]


def transactions(broker, topic, name, count):
    """Every third one is aborted; each has a few batches in two partitions."""
    script = []
    for number in range(count):
        script += ["begin"]
        for i in range(6):
            script += [send(topic, f"k{i}".encode(), b"%d" % number, partition=i % 2)]
            if i % 3 == 2:
                script += ["flush"]
        script += ["abort" if number % 3 == 2 else "commit"]
    broker.write(script, transactional_id=name)


def work(broker):
    fill(broker)
    create(broker, "moving", partitions=2, segment_bytes=1048576, index_interval_bytes=512)
    for name in ("a", "b", "c"):
        transactions(broker, "moving", name, 12)
    create(broker, "compacting", partitions=2, cleanup_policy="compact", segment_ms=1000,
           min_cleanable_dirty_ratio=0.01, delete_retention_ms=500)
    for round_ in range(4):
        broker.write([send("compacting", f"k{i % 50}".encode(),
                           None if i % 11 == 0 else b"%d %d" % (round_, i), partition=i % 2)
                      for i in range(400)], compression_type="lz4" if round_ % 2 else "none")
        transactions(broker, "compacting", f"compact-{round_}", 6)
        time.sleep(1.2)
    create(broker, "deleting", segment_bytes=1048576, retention_bytes=2097152)
    broker.kcat_write("deleting", samples.lines(100_000), "-z", "none")
    time.sleep(3)


def case_a_busy_kafka(work_dir):
    data = work_dir / "data"
    broker = Kafka(data, work_dir, BUSY).format()
    with broker:
        work(broker)
        quiet(data)
    quiet(data)
    broker.start()
    transactions(broker, "moving", "a", 5)
    transactions(broker, "compacting", "compact-1", 5)
    broker.write(["begin", send("moving", b"k", b"open"), "flush", "die"],
                 transactional_id="hanging", transaction_timeout_ms=900000)
    quiet(data)
    broker.kill()
    quiet(data)
    with broker:
        transactions(broker, "moving", "b", 5)
        quiet(data)
    quiet(data)


def case_ottlas_own(work_dir):
    data = work_dir / "data"
    ottla.create(data, "plain", partitions=2, segment_bytes=1048576)
    ottla.produce(data, "plain", samples.lines(50_000))
    quiet(data)
    for codec in samples.CODECS:
        ottla.produce(data, "plain", samples.lines(5000), "--compression", codec)
    ottla.create(data, "txn", partitions=2)
    for number in range(4):
        ottla.produce(data, "txn", samples.lines(500 + number), "--transaction")
    quiet(data)
    running = ottla.start_produce(data, "plain")
    running.stdin.write(samples.lines(20_000).encode() if isinstance(samples.lines(1), str)
                        else samples.lines(20_000))
    running.stdin.flush()
    time.sleep(0.3)
    quiet(data)
    running.kill()
    running.wait()
    quiet(data)
    ottla.produce(data, "plain", samples.lines(100))
    quiet(data)
    with Kafka(data, work_dir):
        quiet(data)
    quiet(data)
