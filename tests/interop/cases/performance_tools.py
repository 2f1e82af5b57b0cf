"""Kafka's own tools for measuring and checking end well on `ottla serve`, and print what they print on Apache Kafka."""

import json
import re

import kafka
from kafka import Kafka
from record import same
from serve import Serve

RECORDS = 20_000
TRIPS = 300


def case_kafkas_measuring_tools_end_well(work):
    said = {}
    for host in (Kafka(work / "theirs", work / "kafka"), Serve(work / "ours", work)):
        host.format()
        with host:
            said[type(host).__name__] = [line for each in (performance, trips, verifiable) for line in each(host)]
            same("offsets expected", [(0, RECORDS), (1, RECORDS)], "offsets", ends(host, "perf"))
        host.assert_content()
    same("Kafka", said["Kafka"], "Serve", said["Serve"])


def performance(host):
    """Batches, then a transaction after the other; read with a group of each protocol."""
    kafka.java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", host.bootstrap, "--create", "--topic", "perf",
               "--partitions", 2)
    produced = tool(host, "ProducerPerformance", "--topic", "perf", "--num-records", 2 * RECORDS, "--record-size", 100,
                    "--throughput", -1, "--command-property", "acks=all", "compression.type=lz4", "linger.ms=5",
                    "batch.size=1000", "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner")
    assert f"{2 * RECORDS} records sent" in produced, produced
    consumed = [tool(host, "ConsumerPerformance", "--topic", "perf", "--num-records", 2 * RECORDS, "--group", protocol,
                     "--command-property", f"group.protocol={protocol}", "--timeout", 60000)
                for protocol in ("classic", "consumer")]
    for each in consumed:
        assert re.search(rf", {2 * RECORDS}, ", each), each
    return [line for each in (produced.splitlines()[-1], *consumed) for line in shape(each)]


def trips(host):
    """One record after the other, with and without keys and headers."""
    plain = tool(host, "EndToEndLatency", "--topic", "trips", "--num-records", TRIPS, "--producer-acks", "all",
                 "--record-size", 100)
    rich = tool(host, "EndToEndLatency", "--topic", "trips", "--num-records", TRIPS, "--producer-acks", "1",
                "--record-size", 100, "--record-key-size", 10, "--record-header-key-size", 5, "--record-header-size", 7,
                "--num-headers", 2)
    return [line for each in (plain, rich) for line in shape(each)]


def verifiable(host):
    """What the one says that it sent is what the other says that it got."""
    produced = events(tool(host, "VerifiableProducer", "--topic", "verified", "--max-messages", 500, "--acks", -1))
    consumed = events(tool(host, "VerifiableConsumer", "--topic", "verified", "--group-id", "verifying",
                           "--max-messages", 500, "--verbose", "--reset-policy", "earliest"))
    sent = [(each["partition"], each["offset"], each["value"]) for each in produced if each["name"] == "producer_send_success"]
    got = [(each["partition"], each["offset"], each["value"]) for each in consumed if each["name"] == "record_data"]
    assert len(sent) == 500, len(sent)
    same("sent", sorted(sent), "got", sorted(got))
    return sorted({each["name"] for each in produced} | {each["name"] for each in consumed})


def tool(host, name, *options):
    return kafka.java(f"org.apache.kafka.tools.{name}", "--bootstrap-server", host.bootstrap, *options).decode()


def events(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def shape(text):
    """What was said, without what was measured."""
    lines = [re.sub(r"-?\d[\d.:,-]*( \d\d:\d\d:\d\d:\d+)?", "N", line) for line in text.splitlines()]
    return sorted(set(lines))


def ends(host, topic):
    """The last offset of each partition, two of them with the same number of records."""
    found = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", host.bootstrap, "--topic", topic).decode()
    return sorted((int(partition), int(end)) for _, partition, end in (line.split(":") for line in found.split()))
