"""`consume --json | produce --json --keep-offsets`: the same records in another directory."""

import subprocess

import ottla
import samples
from kafka import Kafka
from record import same


def copy(source, target, topic):
    """The pipe itself, as one types it."""
    reader = subprocess.Popen([ottla.BIN / "ottla-consume", f"{source}/{topic}", "--json"],
                              stdout=subprocess.PIPE)
    writer = subprocess.run([ottla.BIN / "ottla-produce", f"{target}/{topic}", "--json", "--keep-offsets"],
                            stdin=reader.stdout, stderr=subprocess.PIPE, check=False)
    reader.stdout.close()
    assert reader.wait() == 0 and writer.returncode == 0, writer.stderr.decode()


def case_ottla_to_ottla(work):
    source, target = work / "source", work / "target"
    ottla.create(source, "awkward", partitions=3)
    ottla.produce(source, "awkward", samples.awkward_json(repeat=5), "--json", "-z", "zstd")
    ottla.create(source, "stamped", message_timestamp_type="LogAppendTime")
    ottla.produce(source, "stamped", "a\nb\n")
    ottla.create(target, "awkward", partitions=3)
    ottla.create(target, "stamped", message_timestamp_type="LogAppendTime")
    for topic in ("awkward", "stamped"):
        copy(source, target, topic)
        same("the source", ottla.records(source, topic), "the copy", ottla.records(target, topic))


def case_golden(work):
    """Offset gaps of a compacted, a trimmed and a transactional topic included; Kafka reads the copy."""
    source, target = samples.unpack("clean", work / "source"), work / "target"
    topics = samples.topics_in(source)
    for topic, partitions in topics.items():
        configs = {"message_timestamp_type": "LogAppendTime"} if topic == "appendtime" else {}
        ottla.create(target, topic, partitions=len(partitions), **configs)
        copy(source, target, topic)
        same("the source", ottla.records(source, topic), "the copy", ottla.records(target, topic))
    with Kafka(target, work) as broker:
        theirs = broker.read_each(topics)
        for topic in topics:
            same("the source", ottla.records(source, topic), "Kafka on the copy", theirs[topic])
        broker.assert_content()
    broker.assert_content()


def case_plain_lines(work):
    data = work / "data"
    every = bytes(b for b in range(256) if b != 10)
    text = b"\n".join([b"", every, b"", b"x" * (50 << 20), every * 3, b"no newline at the end"])
    ottla.create(data, "bytes", max_message_bytes=60 << 20)
    ottla.produce(data, "bytes", text, "-z", "none")
    assert ottla.consume(data, "bytes") == text + b"\n"


def case_line_over_the_limit(work):
    """Kafka's limit on a message holds unless one raises it; the error names it."""
    data = work / "data"
    said = ottla.run("produce", f"{data}/big", stdin=b"a\n" + b"x" * (50 << 20), expect=ottla.FAILED).stderr
    assert b"record 2" in said and b"max.message.bytes" in said, said
    assert ottla.consume(data, "big") == b"a\n"
