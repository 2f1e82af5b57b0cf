"""`inspect groups`, `transactions` and `metadata` say what Kafka's own tools say."""

import json

import kafka
import ottla
import samples
from kafka import Kafka
from record import tohex

GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand"
HANGING = ["Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch", "StartOffset"]


def inspect(what, data, *options):
    return json.loads(ottla.run("inspect", what, str(data), "--json", *options).stdout)


def consume(broker, topic, group, protocol):
    """Reads to the end with a group, which commits when it leaves."""
    kafka.java("org.apache.kafka.tools.consumer.ConsoleConsumer",
               "--bootstrap-server", broker.bootstrap, "--topic", topic, "--from-beginning",
               "--max-messages", 150, "--timeout-ms", 20000, "--group", group,
               "--command-property", f"group.protocol={protocol}")


def kafkas_offsets(broker):
    """(group, topic, partition) → (committed, end, lag), by `kafka-consumer-groups`."""
    out = kafka.java(GROUPS, "--bootstrap-server", broker.bootstrap, "--describe",
                     "--all-groups", "--offsets").decode()
    found = {}
    for line in out.splitlines():
        words = line.split()
        if len(words) >= 6 and words[2].isdigit():
            group, topic, partition = words[0], words[1], int(words[2])
            numbers = [int(word) for word in words[3:] if word.lstrip("-").isdigit() and word != "-"]
            found[group, topic, partition] = tuple(numbers[:3])
    return found


def our_offsets(data):
    return {(group["group"], each["topic"], each["partition"]):
            (each["offset"], each["logEnd"], each["lag"])
            for group in inspect("groups", data)["groups"] for each in group["offsets"]
            if each["offset"] is not None}


def case_offsets_and_lag(work):
    data = work / "data"
    with Kafka(data, work).format() as broker:
        for topic in ("in", "other"):
            kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap,
                       "--create", "--topic", topic, "--partitions", 2)
            broker.write([f"send\t{topic}\t{i % 2}\t-\t-\t{tohex(b'%d' % i)}" for i in range(200)])
        consume(broker, "in", "old", "classic")
        consume(broker, "in", "new", "consumer")
        kafka.java("Clients", "group", broker.bootstrap, "plain", "other", 1, 42)
        broker.write(["begin", f"send\tin\t0\t-\t-\t{tohex(b'x')}", "offset\ttx\tother\t0\t7", "commit"],
                     transactional_id="done")
        broker.write(["begin", f"send\tin\t1\t-\t-\t{tohex(b'y')}", "offset\ttx\tother\t1\t9", "die"],
                     transactional_id="open", transaction_timeout_ms=900000)
        theirs = kafkas_offsets(broker)
        ours = our_offsets(data)
        assert len(theirs) >= 6, theirs
        assert ours == theirs, (ours, theirs)
        listed = kafka.java(GROUPS, "--bootstrap-server", broker.bootstrap, "--list").decode().split()
    after = our_offsets(data)
    assert after == theirs, (after, theirs)
    groups = {group["group"]: group for group in inspect("groups", data)["groups"]}
    assert sorted(groups) == sorted(listed), (sorted(groups), listed)
    assert (groups["old"]["type"], groups["new"]["type"]) == ("classic", "consumer")
    waiting = [each for each in groups["tx"]["offsets"] if each["pending"]]
    assert [each["pending"][0]["offset"] for each in waiting] == [9], waiting


def transactional_ids(broker):
    """Transactional id → (producer id, state), by `kafka-transactions list`."""
    out = kafka.java(TRANSACTIONS, "--bootstrap-server", broker.bootstrap, "list").decode()
    rows = [line.split() for line in out.splitlines()[1:]]
    return {row[0]: (int(row[2]), row[3]) for row in rows if len(row) >= 4}


def hanging(broker, topic):
    """(partition, producer id, epoch, first offset), by `kafka-transactions find-hanging`."""
    out = kafka.java(TRANSACTIONS, "--bootstrap-server", broker.bootstrap, "find-hanging",
                     "--topic", topic, "--max-transaction-timeout", 0).decode().splitlines()
    assert out and out[0].split()[:6] == HANGING, out
    rows = [line.split() for line in out[1:] if line.strip()]
    return sorted((int(row[1]), int(row[2]), int(row[3]), int(row[5])) for row in rows)


def our_hanging(data):
    return sorted((each["partition"], each["producerId"], each["producerEpoch"], each["firstOffset"])
                  for each in inspect("transactions", data)["open"] if each["state"] == "hanging")


def case_hanging_transactions(work):
    """The coordinator forgets a transaction: Kafka and we call it hanging, and tell of it alike."""
    data = work / "data"
    broker = Kafka(data, work).format()
    with broker:
        kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap,
                   "--create", "--topic", "txn", "--partitions", 2)
        for name, end in (("one", "commit"), ("two", "abort"), ("three", "die")):
            broker.write(["begin", *(f"send\ttxn\t{i % 2}\t-\t-\t{tohex(b'%d' % i)}" for i in range(10)),
                          "flush", end], transactional_id=name, transaction_timeout_ms=900000)
        theirs = transactional_ids(broker)
        found = inspect("transactions", data, "--all")
        ours = {each["transactionalId"]: (each["producerId"], each["status"])
                for each in found["transactionalIds"]}
        assert ours == theirs and len(ours) == 3, (ours, theirs)
        assert [each["state"] for each in found["open"]] == ["ongoing"] * 2, found["open"]
        assert our_hanging(data) == hanging(broker, "txn") == []
    for log in data.glob("__transaction_state-*/*.log"):
        for part in log.parent.glob("0*"):
            part.unlink()
        log.write_bytes(b"")
    expected = our_hanging(data)
    assert len(expected) == 2, expected
    with broker:
        assert hanging(broker, "txn") == expected, expected
        stuck = broker.read("txn", isolation="read_committed")
        assert len(stuck) == 10, len(stuck)


def case_metadata(work):
    """Topics, configs and features are those that Kafka describes."""
    data = work / "data"
    with Kafka(data, work).format() as broker:
        kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap,
                   "--create", "--topic", "kept", "--partitions", 3, "--config", "retention.ms=5000",
                   "--config", "cleanup.policy=compact")
        broker.kcat_write("made", samples.lines(10))
        theirs = broker.topics()
        out = kafka.java("org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", broker.bootstrap,
                         "describe").decode()
        found = inspect("metadata", data)
    counts = {each["topic"]: each["partitions"] for each in found["topics"]}
    assert counts == {topic: count for topic, (count, _) in theirs.items()}, (counts, theirs)
    ours = {topic: {} for topic in counts}
    for each in found["configs"]:
        if each["resourceType"] == "topic":
            ours[each["resourceName"]][each["config"]] = each["value"]
    for name, value in ours["kept"].items():
        assert theirs["kept"][1][name] == value, (name, value, theirs["kept"])
    assert f"FinalizedVersionLevel: {found['release']}" in out, (found["release"], out)
    for each in found["features"]:
        assert f"Feature: {each['feature']}" in out, (each, out)
