"""A directory that only `ottla` made, under a stock Kafka."""

import agree
import ottla
import record
import samples
from kafka import Kafka
from record import same


def fill(data):
    """Topics of every kind; their names."""
    for codec in samples.CODECS:
        ottla.create(data, f"codec-{codec}")
        ottla.produce(data, f"codec-{codec}", samples.lines(3000), "-z", codec)
    ottla.create(data, "events", partitions=3, retention_ms=-1)
    keyed = "".join(f"key-{i % 97}\tvalue {i}\n" for i in range(3000))
    ottla.produce(data, "events", keyed, "-k", "\t")
    ottla.create(data, "segments", segment_bytes=1048576, index_interval_bytes=1024)
    ottla.produce(data, "segments", samples.lines(50_000), "-z", "none")
    ottla.create(data, "compacted", cleanup_policy="compact", min_cleanable_dirty_ratio="0.9",
                 delete_retention_ms=86400000)
    ottla.produce(data, "compacted", "".join(f"k{i % 10}\t{i}\n" for i in range(100)) + "k3\tNULL\n",
                  "-k", "\t", "--null", "NULL")
    ottla.create(data, "appendtime", message_timestamp_type="LogAppendTime")
    ottla.produce(data, "appendtime", samples.lines(50))
    ottla.create(data, "awkward", partitions=2)
    ottla.produce(data, "awkward", samples.awkward_json(repeat=3), "--json")
    ottla.create(data, "empty", partitions=2)
    ottla.create(data, "wide.name_with-chars")
    ottla.produce(data, "wide.name_with-chars", "one\ntwo")
    ottla.produce(data, "made-on-first-use", "one\n\nthree\n")
    transactions(data)
    return list(samples.topics_in(data))


def transactions(data):
    ottla.create(data, "txn", partitions=2)
    ottla.produce(data, "txn", "before\n")
    ottla.produce(data, "txn", samples.lines(200, prefix="committed "), "--transaction")
    broken = samples.lines(30, prefix="aborted ")
    broken = "".join(record.to_json(None, line.encode()) for line in broken.splitlines()) + "{ no more\n"
    ottla.run("produce", f"{data}/txn", "--json", "--transaction", stdin=broken, expect=ottla.FAILED)
    ottla.produce(data, "txn", "after\n")


def case_everything(work):
    data = work / "data"
    topics = fill(data)
    before = {topic: ottla.records(data, topic) for topic in topics}
    agree.dumps(data)
    with Kafka(data, work) as broker:
        broker.assert_content()
        assert not broker.leaderless(), broker.leaderless()
        described = broker.topics()
        assert set(topics) <= set(described), (topics, described)
        assert described["events"][0] == 3 and described["events"][1]["retention.ms"] == "-1"
        assert described["segments"][1]["segment.bytes"] == "1048576"
        assert described["compacted"][1]["cleanup.policy"] == "compact"
        theirs = broker.read_each(topics)
        for topic in topics:
            same("Kafka's consumer", theirs[topic], "ottla before Kafka started", before[topic])
        agree.clients(broker, data, topics)
        agree.committed(broker, data, "txn")
        values = [r.value for r in ottla.records(data, "txn", "--read-committed")]
        assert len(values) == 202 and not any(b"aborted" in value for value in values), len(values)
        for topic in ("codec-zstd", "events"):
            agree.console(broker, data, topic)
    broker.assert_content()
    for topic in topics:
        same("before Kafka", before[topic], "after Kafka", ottla.records(data, topic))


def case_keys_go_where_java_sends_them(work):
    data = work / "data"
    ottla.create(data, "ours", partitions=7)
    ottla.create(data, "java", partitions=7)
    keys = [f"key-{i}" for i in range(500)] + ["ä", "x" * 300]
    ottla.produce(data, "ours", "".join(f"{key}\tv\n" for key in keys), "-k", "\t")
    with Kafka(data, work) as broker:
        broker.write([f"send\tjava\t-\t-\tx{key.encode().hex()}\tx76" for key in keys])
        theirs = {r.key: r.partition for r in broker.read("java")}
    ours = {r.key: r.partition for r in ottla.records(data, "ours")}
    assert ours == theirs, [key for key in ours if ours[key] != theirs[key]][:5]


def case_topics_changed_by_ottla(work):
    """Configs altered, partitions added and topics deleted between two runs of Kafka."""
    data = work / "data"
    for topic in ("changed", "deleted", "kept"):
        ottla.create(data, topic, segment_bytes=1048576)
        ottla.produce(data, topic, samples.lines(10))
    with Kafka(data, work) as broker:
        broker.kcat_write("changed", "by Kafka\n")
        broker.kcat_write("deleted", "by Kafka\n")
    ottla.run("topics", f"{data}/changed", "--alter", "--config", "segment.bytes=2097152",
              "--config", "retention.bytes=1000000", "--delete-config", "retention.bytes")
    ottla.run("topics", f"{data}/changed", "--alter", "--partitions", 4)
    ottla.run("topics", f"{data}/deleted", "--delete")
    ottla.create(data, "added", partitions=2)
    ottla.produce(data, "changed-3", "by ottla\n")
    with Kafka(data, work) as broker:
        described = broker.topics()
        assert described["changed"][0] == 4, described
        assert described["changed"][1]["segment.bytes"] == "2097152", described
        assert "retention.bytes" not in described["changed"][1], described
        assert "deleted" not in described and "added" in described and "kept" in described, described
        assert len(broker.read("changed")) == 12
        agree.clients(broker, data, ["changed", "kept", "added"])
        broker.assert_content()
    broker.assert_content()
