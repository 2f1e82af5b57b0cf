"""`ottla repair --adopt`: a directory that lost its metadata, under a stock Kafka again."""

import shutil

import agree
import ottla
import samples
from kafka import Kafka, java
from record import same, tohex

TOPICS = ["events", "compacted", "txn"]


def create(broker, topic, partitions, *configs):
    java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap, "--create",
         "--topic", topic, "--partitions", partitions, "--replication-factor", 1,
         *(option for config in configs for option in ("--config", config)))


def fill(data, work):
    """A directory of Kafka's own, with configs, a group and transactions; its records by topic."""
    broker = Kafka(data, work).format()
    with broker:
        create(broker, "events", 3, "segment.bytes=1048576")
        create(broker, "compacted", 1, "cleanup.policy=compact", "delete.retention.ms=86400000")
        create(broker, "txn", 2)
        broker.kcat_write("events", samples.lines(2000))
        broker.write([f"send\tcompacted\t0\t-\t{tohex(f'k{i % 7}'.encode())}\t{tohex(b'v')}" for i in range(50)])
        broker.write(["begin", *(f"send\ttxn\t{i % 2}\t-\t-\t{tohex(b'kept')}" for i in range(10)), "commit",
                      "begin", *(f"send\ttxn\t{i % 2}\t-\t-\t{tohex(b'gone')}" for i in range(10)), "flush", "abort",
                      "begin", f"send\ttxn\t0\t-\t-\t{tohex(b'kept')}", "commit"], transactional_id="mine")
        java("Clients", "group", broker.bootstrap, "readers", "events", 1, 123)
    return broker, {topic: ottla.records(data, topic) for topic in TOPICS}


def check(broker, data, before, complaints=()):
    """Every record, the group's offset, and that clients go on as before."""
    with broker:
        assert not broker.leaderless(), broker.leaderless()
        described = broker.topics()
        counts = {topic: described[topic][0] for topic in TOPICS}
        assert counts == {"events": 3, "compacted": 1, "txn": 2}, described
        assert described["__consumer_offsets"][1]["cleanup.policy"] == "compact", described
        assert described["__transaction_state"][1]["cleanup.policy"] == "compact", described
        theirs = broker.read_each(TOPICS)
        for topic in TOPICS:
            same("Kafka after", theirs[topic], "ottla before", before[topic])
        agree.committed(broker, data, "txn")
        found = java("Clients", "committed", broker.bootstrap, "readers", "events", 1).decode().strip()
        assert found == "123", found
        broker.write(["begin", f"send\ttxn\t1\t-\t-\t{tohex(b'after')}", "commit"], transactional_id="mine")
        broker.write(["begin", f"send\ttxn\t1\t-\t-\t{tohex(b'after')}", "commit"], transactional_id="other")
        java("Clients", "group", broker.bootstrap, "readers", "events", 1, 124)
        agree.committed(broker, data, "txn")
        values = [r.value for r in ottla.records(data, "txn", "--read-committed")]
        assert values.count(b"after") == 2, values
    others = [line for line in broker.complaints() if not any(known in line for known in complaints)]
    assert not others, others
    return described


def adopt(data):
    ottla.run("repair", data, "--adopt", expect=ottla.DAMAGE)
    ottla.run("repair", data, "--adopt", "--apply")
    ottla.run("inspect", "verify", data)
    again = ottla.run("repair", data, "--adopt")
    assert b"nothing to repair" in again.stderr, again.stderr


def lose_log(data):
    shutil.rmtree(data / "__cluster_metadata-0")


def lose_meta(data):
    (data / "meta.properties").unlink()


def lose_all(data):
    """Partition directories alone are left."""
    lose_log(data)
    for path in data.iterdir():
        if path.is_file():
            path.unlink()


def zookeeper(data):
    """What a broker of ZooKeeper's times leaves."""
    lose_log(data)
    (data / "meta.properties").write_text("version=0\nbroker.id=1\ncluster.id=from-zookeeper\n")
    (data / "bootstrap.checkpoint").unlink()
    for path in data.glob("*-[0-9]*/partition.metadata"):
        path.unlink()


def damage(data):
    """Some bytes of the metadata log are wrong, in front of the configs of most topics."""
    path = data / "__cluster_metadata-0/00000000000000000000.log"
    log = bytearray(path.read_bytes())
    log[180] ^= 0x40
    path.write_bytes(log)


def another(data):
    """The metadata log is another cluster's, which has a topic of the same name."""
    other = data.parent / "other"
    ottla.create(other, "events", partitions=5, segment_bytes=2097152)
    ottla.create(other, "unknown")
    lose_log(data)
    shutil.copytree(other / "__cluster_metadata-0", data / "__cluster_metadata-0")


def case_what_was_lost_comes_back(work):
    original, before = fill(work / "original", work)
    for number, lose in enumerate([lose_log, lose_meta, lose_all, zookeeper, damage, another]):
        data = work / lose.__name__
        shutil.copytree(work / "original", data)
        lose(data)
        adopt(data)
        described = check(Kafka(data, work / f"kafka-{number}"), data, before)
        configs = described["events"][1]
        expected = {"lose_meta": "1048576", "damage": "1048576", "another": "2097152"}.get(lose.__name__)
        assert configs.get("segment.bytes") == expected, (lose.__name__, configs)
        shutil.rmtree(data)


def case_of_a_quorum_that_is_in_the_log(work):
    """The voters are records: the new metadata log has them as well."""
    data = work / "data"
    broker = Kafka(data, work, dynamic=True).format()
    with broker:
        broker.kcat_write("events", samples.lines(100))
    records = ottla.records(data, "events")
    path = data / "__cluster_metadata-0/00000000000000000000.log"
    log = bytearray(path.read_bytes())
    log[len(log) * 2 // 3] ^= 0x40
    path.write_bytes(log)
    adopt(data)
    with broker:
        same("Kafka after", broker.read("events"), "ottla before", records)
        assert not broker.leaderless(), broker.leaderless()
    broker.assert_content()


def hanging(data, work, forget):
    """A transaction that nobody ends: its client is gone, and the broker stopped."""
    broker = Kafka(data, work)
    ottla.create(data, "txn", partitions=2)
    ottla.produce(data, "txn", "before\n")
    with broker:
        broker.write(["begin", *(f"send\ttxn\t{i % 2}\t-\t-\t{tohex(b'open')}" for i in range(10)), "die"],
                     transactional_id="mine")
        broker.kcat_write("txn", "behind\n")
    for path in data.glob("__transaction_state-*"):
        if forget:
            shutil.rmtree(path)
    refused = ottla.run("repair", f"{data}/txn", "--abort-transaction", 987654, expect=ottla.FAILED)
    producer = refused.stderr.decode().split("those of producer ")[1].split()[0]
    assert values(data) in ([], [b"before"]), values(data)
    return broker, producer


def values(data):
    return sorted(r.value for r in ottla.records(data, "txn", "--read-committed"))


def ended(data, broker):
    assert values(data) == [b"before", b"behind"], values(data)
    with broker:
        agree.committed(broker, data, "txn")
        broker.write(["begin", f"send\ttxn\t0\t-\t-\t{tohex(b'next')}", f"send\ttxn\t1\t-\t-\t{tohex(b'next')}",
                      "commit"], transactional_id="mine")
        agree.committed(broker, data, "txn")
        broker.assert_content()
    broker.assert_content()
    assert values(data) == [b"before", b"behind", b"next", b"next"], values(data)
    agree.dumps(data)


def case_a_hanging_transaction_is_aborted(work):
    """The coordinator does not know it: the marker alone is missing."""
    data = work / "data"
    broker, producer = hanging(data, work, forget=True)
    ottla.run("repair", f"{data}/txn", "--abort-transaction", producer, expect=ottla.DAMAGE)
    ottla.run("repair", f"{data}/txn", "--abort-transaction", producer, "--apply")
    ended(data, broker)


def case_an_open_transaction_is_aborted(work):
    """The coordinator knows it: it ends in all partitions, though one alone is named, and there."""
    data = work / "data"
    broker, producer = hanging(data, work, forget=False)
    ottla.run("repair", f"{data}/txn-0", "--abort-transaction", producer, "--apply")
    ended(data, broker)


def case_batches_of_a_replica(work):
    """What is damaged here is taken from a copy, and is then what it was."""
    data, copy = work / "data", work / "copy"
    ottla.create(data, "events", segment_bytes=1048576)
    ottla.produce(data, "events", samples.lines(50_000), "-z", "none")
    shutil.copytree(data, copy)
    logs = sorted((data / "events-0").glob("*.log"))
    for path in logs:
        log = bytearray(path.read_bytes())
        for at in range(len(log) // 3, len(log), len(log) // 3 + 1):
            log[at] ^= 0xff
        path.write_bytes(log)
    ottla.run("repair", data, "--from", copy, "--apply")
    for path in logs:
        assert path.read_bytes() == (copy / "events-0" / path.name).read_bytes(), path.name
    with Kafka(data, work) as broker:
        agree.clients(broker, data, ["events"])
        broker.assert_content()
