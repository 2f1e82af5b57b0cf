"""Directories that Kafka wrote: read while it runs, and continued after it stopped."""

import subprocess
import time

import agree
import kafka
import ottla
import record
import samples
from kafka import Kafka
from record import same, tohex


def send(topic, key, value, headers=(), partition=0, timestamp="-"):
    fields = ["send", topic, partition, timestamp, tohex(key), tohex(value)]
    fields += [f"{tohex(name.encode())}:{tohex(data)}" for name, data in headers]
    return "\t".join(map(str, fields))


def create(broker, topic, partitions=1, **configs):
    kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap, "--create",
               "--topic", topic, "--partitions", partitions,
               *(option for name, value in configs.items()
                 for option in ("--config", f"{name.replace('_', '.')}={value}")))


def fill(broker):
    texts = samples.lines(2000).splitlines()
    for codec in samples.CODECS:
        create(broker, f"java-{codec}", segment_bytes=1048576)
        broker.write([send(f"java-{codec}", f"k{i}".encode(), text.encode())
                      for i, text in enumerate(texts)], compression_type=codec)
        broker.kcat_write(f"kcat-{codec}", samples.lines(2000), "-z", codec)
    create(broker, "awkward", partitions=2)
    broker.write([send("awkward", *each, partition=i % 2, timestamp=1700000000000 + i)
                  for i, each in enumerate(samples.AWKWARD * 3)], compression_type="lz4")
    create(broker, "appendtime", message_timestamp_type="LogAppendTime")
    broker.write([send("appendtime", None, b"%d" % i) for i in range(20)])
    create(broker, "segments", segment_bytes=1048576, index_interval_bytes=1024)
    broker.kcat_write("segments", samples.lines(50_000), "-z", "none")
    create(broker, "txn", partitions=2)
    for name, end in (("one", "commit"), ("two", "abort"), ("three", "commit"), ("four", "die")):
        broker.write(["begin",
                      *(send("txn", name.encode(), b"%d" % i, partition=i % 2) for i in range(10)),
                      "flush", end],
                     transactional_id=name, transaction_timeout_ms=900000)


def case_everything(work):
    data = work / "data"
    broker = Kafka(data, work).format()
    with broker:
        fill(broker)
        topics = list(samples.topics_in(data))
        agree.clients(broker, data, topics)
        agree.committed(broker, data, "txn")
        seen = broker.read_each(topics)
    for topic in topics:
        same("Kafka", seen[topic], "ottla after Kafka stopped", ottla.records(data, topic))
    agree.dumps(data, ["java-zstd", "kcat-lz4", "txn", "awkward", "segments"])
    continue_on(data, seen)
    with broker:
        agree.clients(broker, data, topics)
        agree.committed(broker, data, "txn")
        assert not broker.leaderless(), broker.leaderless()
        broker.assert_content()
    broker.assert_content()


def case_killed(work):
    """The same after `kill -9`: preallocated indexes, no clean-shutdown mark."""
    data = work / "data"
    broker = Kafka(data, work).format()
    broker.start()
    fill(broker)
    topics = list(samples.topics_in(data))
    seen = broker.read_each(topics)
    broker.kill()
    for topic in topics:
        same("Kafka", seen[topic], "ottla after kill -9", ottla.records(data, topic))
    continue_on(data, seen)
    with broker:
        agree.clients(broker, data, topics)
        agree.committed(broker, data, "txn")
        broker.assert_content()
    agree.dumps(data, ["java-zstd", "txn", "segments"])


def continue_on(data, seen):
    """`ottla` appends to every topic: what was there stays, what is new comes after."""
    for topic, before in seen.items():
        ottla.produce(data, topic, "more\nand more\n")
        after = ottla.records(data, topic)
        assert len(after) == len(before) + 2, (topic, len(before), len(after))
        new = sorted(set(after) - set(before))
        assert sorted(r.value for r in new) == [b"and more", b"more"], (topic, new)
        for r in new:
            assert r.offset > max((b.offset for b in before if b.partition == r.partition), default=-1)


def case_golden(work):
    """The golden directory, continued by `ottla`, under Kafka."""
    for name in ("clean", "unclean"):
        data = samples.unpack(name, work / name)
        topics = list(samples.topics_in(data))
        before = {topic: ottla.records(data, topic) for topic in topics}
        ottla.produce(data, "codec-zstd", "added by ottla\n")
        ottla.create(data, "fresh", partitions=2)
        ottla.produce(data, "fresh", "fresh\n")
        with Kafka(data, work / f"kafka-{name}") as broker:
            theirs = broker.read_each(topics)
            for topic, found in theirs.items():
                expected = before[topic]
                if topic == "codec-zstd":
                    assert found[-1].value == b"added by ottla", found[-1]
                    found = found[:-1]
                same(f"Kafka on {name}", found, "ottla", expected)
            assert [r.value for r in broker.read("fresh")] == [b"fresh"]
            assert not broker.leaderless(), broker.leaderless()
            broker.assert_content()
        broker.assert_content()


def case_group_offsets_stay(work):
    data = work / "data"
    ottla.produce(data, "orders", "a\nb\nc\n")
    broker = Kafka(data, work)
    with broker:
        kafka.java("Clients", "group", broker.bootstrap, "g", "orders", 0, 2)
        # An offset committed inside a transaction, too.
        broker.write(["begin", send("orders", None, b"d"), "offset\tg2\torders\t0\t3", "commit"],
                     transactional_id="t")
    ottla.produce(data, "orders", "e\n")
    with broker:
        for group, offset in (("g", 2), ("g2", 3)):
            out = kafka.java("Clients", "committed", broker.bootstrap, group, "orders", 0)
            assert int(out) == offset, (group, out)
        broker.assert_content()
    assert ottla.consume(data, "orders") == b"a\nb\nc\nd\ne\n"


def case_followed_while_kafka_appends(work):
    """`consume --follow` wakes up for what Kafka writes, and stops after `-c` records."""
    data = work / "data"
    ottla.create(data, "live", partitions=2)
    ottla.produce(data, "live", "before\n")
    with Kafka(data, work) as broker:
        reader = subprocess.Popen([ottla.BIN / "ottla-consume", data / "live", "--follow", "-c", "41", "-q"],
                                  stdout=subprocess.PIPE)
        for batch in range(4):
            broker.kcat_write("live", "".join(f"{batch}.{i}\n" for i in range(10)))
            time.sleep(0.2)
        out, _ = reader.communicate(timeout=30)
        broker.assert_content()
    expected = ["before"] + [f"{batch}.{i}" for batch in range(4) for i in range(10)]
    assert reader.returncode == 0 and sorted(out.decode().split()) == sorted(expected), out


def case_compacted_by_kafka(work):
    """Kafka's cleaner works on segments of `ottla`'s; `ottla` reads around the gaps and goes on."""
    data = work / "data"
    ottla.create(data, "users", cleanup_policy="compact", min_cleanable_dirty_ratio="0.001", segment_bytes=1 << 20,
                 delete_retention_ms=0, min_compaction_lag_ms=0)
    for round in range(3):
        ottla.produce(data, "users", "".join(f"user-{i % 500}\t{round} {i} {'x' * 90}\n" for i in range(12_000)),
                      "-k", "\t", "-z", "none")
    ottla.produce(data, "users", "user-7\tGONE\n", "-k", "\t", "--null", "GONE")
    before = ottla.records(data, "users")
    broker = Kafka(data, work, {"log.cleaner.backoff.ms": 200, "log.initial.task.delay.ms": 100})
    with broker:
        deadline = time.monotonic() + 60
        while len(broker.read("users")) > len(before) // 2:
            assert time.monotonic() < deadline, "the cleaner did nothing"
        agree.clients(broker, data, ["users"])
        broker.assert_content()
    after = ottla.records(data, "users")
    last = lambda records: {r.key: r.value for r in sorted(records) if r.value is not None}
    assert len(after) < len(before) // 2 and set(after) <= set(before)
    assert {k: v for k, v in last(after).items() if k != b"user-7"} == \
           {k: v for k, v in last(before).items() if k != b"user-7"}
    agree.dumps(data)
    ottla.produce(data, "users", "user-1\tnew\n", "-k", "\t")
    with broker:
        agree.clients(broker, data, ["users"])
        assert broker.read("users")[-1].value == b"new"
        broker.assert_content()


def case_dynamic_quorum(work):
    """Voters in the log, as `format --standalone` puts them there."""
    turns_with_metadata(work, Kafka(work / "data", work, dynamic=True))


def case_metadata_snapshots(work):
    """Kafka writes a snapshot of its metadata every few records."""
    turns_with_metadata(work, Kafka(work / "data", work, {
        "metadata.log.max.record.bytes.between.snapshots": 500}))
    snapshots = list((work / "data/__cluster_metadata-0").glob("*.checkpoint"))
    assert any(not path.name.startswith("0" * 20) for path in snapshots), snapshots


def turns_with_metadata(work, broker):
    """Both create, alter and delete topics, in turn."""
    data = work / "data"
    broker.format()
    names = set()
    for turn in range(3):
        with broker:
            for i in range(4):
                create(broker, f"kafka-{turn}-{i}", partitions=2, retention_ms=100000 + i)
                names.add(f"kafka-{turn}-{i}")
            broker.kcat_write(f"kafka-{turn}-0", "one\ntwo\n")
            if turn:
                broker.kcat_write(f"ottla-{turn - 1}", "by Kafka\n")
            time.sleep(1)  # a snapshot is written behind our back
            described = broker.topics()
            assert names == {name for name in described if not name.startswith("__")}, described
            agree.clients(broker, data, sorted(names))
            broker.assert_content()
        broker.assert_content()
        listed = ottla.run("topics", data, "--output", "tsv").stdout.decode().splitlines()[1:]
        assert names == {line.split("\t")[0] for line in listed}, listed
        ottla.create(data, f"ottla-{turn}", partitions=3, max_message_bytes=2000000)
        ottla.produce(data, f"ottla-{turn}", "a\nb\nc\n")
        ottla.run("topics", data / f"kafka-{turn}-3", "--delete")
        ottla.run("topics", data / f"kafka-{turn}-2", "--alter", "--partitions", 5)
        names = names - {f"kafka-{turn}-3"} | {f"ottla-{turn}"}
