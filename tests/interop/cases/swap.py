"""A directory changes hands between `ottla serve` and Apache Kafka while idempotent producers and
groups of both protocols go on: Kafka's own verifiable clients say what they sent and got."""

import json
import re
import signal
import subprocess
import time
from collections import defaultdict

import kafka
import ottla
from kafka import Kafka
from record import same
from serve import Serve

TOPIC = "load"
PARTITIONS = 3
GROUPS = ("classic", "consumer")  # each of the protocol of its name


def case_the_directory_changes_hands_under_load(work):
    """serve → Apache Kafka → serve, five times; every other server is killed."""
    data, port = work / "data", kafka.free_port()
    server, broker = Serve(data, work, port=port), Kafka(data, work, port=port)
    ottla.create(data, TOPIC, partitions=PARTITIONS, segment_bytes=1048576)
    server.start()
    producers = [Client(work, server, "producer", name, producer_options(work, name)) for name in ("a", "b")]
    consumers = {group: [Client(work, server, "consumer", f"{group}-{member}", consumer_options(group))
                         for member in range(2)] for group in GROUPS}
    everyone = [*producers, *(member for group in GROUPS for member in consumers[group])]
    hosts = [server, broker] * 5
    for turn, host in enumerate(hosts):
        if turn > 0:
            host.start()
        for client in everyone:
            client.wait_for_more(f"turn {turn}")
        if turn % 4 in (1, 2):
            host.kill()
        else:
            host.stop()
    with server:
        for client in everyone:
            client.wait_for_more("the end")
        sent = [event for client in producers for event in client.stop() if event["name"] == "producer_send_success"]
        wait_until_read(consumers, len(sent))
        heard = {group: [client.stop() for client in consumers[group]] for group in GROUPS}
        check_log(server, sent)
        for group in GROUPS:
            check_group(group, heard[group], sent)
        server.assert_content()
    ottla.run("inspect", "verify", data)


def producer_options(work, name):
    config = work / f"producer-{name}.properties"
    config.write_text("enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=600000\nlinger.ms=5\n")
    return ["VerifiableProducer", "--topic", TOPIC, "--throughput", "300", "--value-prefix", str("ab".index(name)),
            "--command-config", str(config)]


def consumer_options(group):
    return ["VerifiableConsumer", "--topic", TOPIC, "--group-id", group, "--group-protocol", group, "--verbose",
            *(["--session-timeout", "45000"] if group == "classic" else [])]


class Client:
    """One of Kafka's verifiable clients, and the events that it prints."""

    COUNTED = {"producer": "producer_send_success", "consumer": "record_data"}

    # The consumer of the new protocol takes partitions away in one thread while the other asks for their positions.
    OWN_RACE = re.compile(r"IllegalStateException: (No current assignment for|Missing position for fetchable) partition")

    def __init__(self, work, host, kind, name, options):
        self.name, self.counted = name, self.COUNTED[kind]
        self.out, self.err = work / f"{name}.json", work / f"{name}.log"
        self.seen = self.deaths = 0
        tool, *options = options
        self.command = ["java", *kafka.TOOL_JVM, f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties",
                        "-Dottla.level=ERROR", "-cp", kafka.classpath(), f"org.apache.kafka.tools.{tool}",
                        "--bootstrap-server", host.bootstrap, *options]
        self.start()

    def start(self):
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        kafka.STARTED.append(self.process)

    def check_alive(self, when):
        """Kafka's client may fall over its own feet, once: it had committed all that it got before."""
        if self.process.poll() is None:
            return
        said = self.err.read_text()
        self.deaths += 1
        assert self.deaths == 1 and self.OWN_RACE.search(said), f"{self.name} ended {self.process.returncode} in {when}:\n{said[-4000:]}"
        print(f"{self.name} fell over a race of its own in {when} and is started again", flush=True)
        self.start()

    def count(self):
        return self.out.read_bytes().count(b'"name":"%s"' % self.counted.encode())

    def wait_for_more(self, when, more=200, timeout=90):
        """Until it has done some more work since the last time, on this server."""
        deadline = time.monotonic() + timeout
        # What was on its way when the last server went does not count.
        target = max(self.seen, self.count()) + more
        while self.count() < target:
            self.check_alive(when)
            assert time.monotonic() < deadline, f"{self.name} got no further in {when}: {self.count()} of {target}"
            time.sleep(0.05)
        self.seen = target

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        lines = self.out.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def wait_until_read(consumers, count, timeout=60):
    deadline = time.monotonic() + timeout
    for group, members in consumers.items():
        while (read := sum(member.count() for member in members)) < count:
            assert time.monotonic() < deadline, f"group {group} has read {read} of {count}"
            time.sleep(0.1)
    time.sleep(0.5)  # for the last commits


def check_log(host, sent):
    """Every record that was acknowledged is where it was said to be, and nothing else is there."""
    stored = {(each.partition, each.offset): each.value.decode() for each in host.read(TOPIC)}
    said = {(event["partition"], event["offset"]): event["value"] for event in sent}
    assert len(said) == len(sent) > 1000, (len(said), len(sent))
    same("acknowledged", sorted(said.items()), "stored", sorted(stored.items()))
    assert len(set(stored.values())) == len(stored), "a value is there twice"
    for prefix in "01":
        numbers = sorted(int(value.split(".")[1]) for value in stored.values() if value.startswith(f"{prefix}."))
        assert numbers == list(range(len(numbers))), f"producer {prefix} lost some"


def check_group(group, heard, sent):
    """The group got every record once, and went on from what it had committed."""
    got = defaultdict(list)
    for events in heard:
        assert events[-1]["name"] == "shutdown_complete", events[-1]
        committed = {}
        for event in events:
            if event["name"] == "record_data":
                place = (event["partition"], event["offset"])
                assert place[1] >= committed.get(place[0], 0), f"{group}: read again after its commit: {place}"
                got[place].append(event["value"])
            elif event["name"] == "offsets_committed" and event["success"]:
                committed |= {part["partition"]: part["offset"] for part in event["offsets"]}
    said = {(event["partition"], event["offset"]): [event["value"]] for event in sent}
    same("acknowledged", sorted(said.items()), f"what group {group} got", sorted(got.items()))
