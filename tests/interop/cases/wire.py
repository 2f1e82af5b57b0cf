"""`produce`, `consume`, `topics` and `groups` over the wire, the same against Apache Kafka and `ottla serve`, record for
record with kcat, Kafka's own tools and clients, and the directory that the server leaves."""

import functools
import json
import random
import signal
import subprocess
import time

import kafka
import ottla
import record
import samples
from kafka import Kafka
from record import same
from serve import Serve

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# Alike on both.
SETTINGS = {"group.initial.rebalance.delay.ms": 0, "log.retention.ms": -1}


class Place:
    """A broker on an empty directory, and where `ottla` finds it."""

    def __init__(self, work, kind):
        self.work = work
        self.data = work / "data"
        self.broker = kind(self.data, work, SETTINGS, port=kafka.free_port())
        self.broker.format().start()
        self.server = f"kafka://{self.broker.bootstrap}"


def on_both(case):
    """Runs it on Apache Kafka and on `ottla serve`, each with an empty directory."""
    @functools.wraps(case)
    def run(work):
        for kind in (Kafka, Serve):
            case(Place(work / kind.__name__, kind))
    return run


@on_both
def case_records_arrive_as_they_were(place):
    server, broker = place.server, place.broker
    for codec in CODECS:
        topic = f"t-{codec}"
        ottla.create(server, topic, partitions=3)
        sent = awkward(seed=codec)
        ottla.produce(server, topic, "".join(record.to_json(*each) for each in sent), "--json",
                      "-z", codec)
        ours = ottla.records(server, topic)
        found = sorted((r.key, r.value, r.headers) for r in ours if r.key is not None)
        wanted = sorted((k, v, tuple(h)) for k, v, h in sent if k is not None)
        assert found == wanted, f"{codec}: what was read is not what was sent"
        assert len(ours) == len(sent), (codec, len(ours), len(sent))
        same("Kafka's consumer", broker.read(topic), "ottla consume", ours)
        same("kcat", broker.kcat_read(topic), "ottla consume",
             [(r.partition, r.offset, r.timestamp, r.key, r.value) for r in ours])
        for partition in range(3):
            text = ottla.consume(server, topic, "-p", partition, "-o", "-2", "-f", "%o\n")
            last = [r.offset for r in ours if r.partition == partition][-2:]
            assert [int(o) for o in text.split()] == last, (codec, partition, text, last)
    over_the_wire = {f"t-{codec}": ottla.records(server, f"t-{codec}") for codec in CODECS}
    broker.stop()
    for topic, ours in over_the_wire.items():
        same("the directory", ottla.records(place.data, topic), "the server", ours)


@on_both
def case_kcats_and_javas_records(place):
    broker = place.broker
    ottla.create(place.server, "k", partitions=2)
    broker.kcat_write("k", "".join(f"{i}:v{i}\n" for i in range(5000)), "-K:", "-z", "lz4")
    same("kcat", broker.kcat_read("k"), "ottla consume",
         [(r.partition, r.offset, r.timestamp, r.key, r.value)
          for r in ottla.records(place.server, "k")])
    broker.stop()


@on_both
def case_large_topics(place):
    """Many fetches, with the end pinned at the start, in the order of the offsets."""
    lines = samples.lines(400_000, seed=1)
    ottla.create(place.server, "large", partitions=1, max_message_bytes=100_000)
    ottla.produce(place.server, "large", lines)
    assert ottla.consume(place.server, "large").decode() == lines, "not what was sent"
    half = ottla.consume(place.server, "large", "-o", "100000:300000").decode()
    assert half == "".join(lines.splitlines(keepends=True)[100_000:300_000])
    one = ottla.consume(place.server, "large", "-c", "17", "-o", "399990").decode()
    assert one == "".join(lines.splitlines(keepends=True)[399_990:])
    place.broker.stop()


@on_both
def case_a_broker_that_dies_loses_and_repeats_nothing(place):
    """Killed and started again while `produce` runs: the idempotent producer goes on."""
    ottla.create(place.server, "t", partitions=2)
    producer = ottla.start_produce(place.server, "t", "-X", "retry.backoff.max.ms=200")
    sent = 0
    for round_ in range(2):
        for _ in range(20):
            producer.stdin.write("".join(f"{sent + i}\n" for i in range(500)).encode())
            producer.stdin.flush()
            sent += 500
            time.sleep(0.01)
        if round_ == 0:
            place.broker.kill()
            place.broker.start()
    producer.stdin.close()
    said = producer.stderr.read().decode()
    assert producer.wait(120) == 0, said
    found = [int(r.value) for r in ottla.records(place.server, "t")]
    assert sorted(found) == list(range(sent)), (len(found), sent)
    place.broker.stop()


@on_both
def case_transactions(place):
    """Aborted and open transactions are hidden from --read-committed as from Kafka's consumer."""
    broker = place.broker
    ottla.create(place.server, "t", partitions=1)
    ottla.produce(place.server, "t", "plain\n")
    send = "\t".join(["send", "t", "0", "-"])
    broker.write(["begin", f"{send}\tx61\tx62", "commit",
                  "begin", f"{send}\tx63\tx64", "flush", "abort",
                  "begin", f"{send}\tx65\tx66", "commit",
                  "begin", f"{send}\tx67\tx68", "flush", "die"], transactional_id="x")
    committed = ottla.records(place.server, "t", "--read-committed")
    same("Kafka's consumer, committed", broker.read("t", isolation="read_committed"),
         "ottla consume --read-committed", committed)
    everything = ottla.records(place.server, "t")
    same("Kafka's consumer", broker.read("t"), "ottla consume", everything)
    assert (len(everything), len(committed)) == (5, 3), (everything, committed)
    # Our own producer has the id taken over, and has it taken over from it.
    zombie = ottla.start_produce(place.server, "t", "--transaction=x")
    zombie.stdin.write(b"of a zombie\n")
    zombie.stdin.flush()
    ottla.await_records(place.server, "t", 6)
    ottla.produce(place.server, "t", "whole\n", "--transaction=x")
    said = zombie.communicate(b"too late\n", timeout=60)[1].decode()
    assert zombie.returncode == ottla.FAILED and "has taken the transactional id over" in said, said
    broker.write(["begin", f"{send}\tx69\tx70", "commit"], transactional_id="x")
    committed = ottla.records(place.server, "t", "--read-committed")
    assert [r.value for r in committed] == [b"plain", b"b", b"f", b"whole", b"p"], committed
    same("Kafka's consumer, committed", broker.read("t", isolation="read_committed"),
         "ottla consume --read-committed", committed)
    broker.stop()


@on_both
def case_follow(place):
    ottla.create(place.server, "t", partitions=3)
    ottla.produce(place.server, "t", "before\n")
    reader = subprocess.Popen([ottla.BIN / "ottla-consume", f"{place.server}/t", "--follow", "-c", "301"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout.readline() == b"before\n"
    place.broker.kcat_write("t", numbers(0, 3))
    ottla.produce(place.server, "t", numbers(3, 300), "--partitioner", "round-robin")
    out, said = reader.communicate(timeout=60)
    assert reader.returncode == 0, said
    assert sorted(map(int, out.split())) == list(range(300)), out
    place.broker.stop()


@on_both
def case_topics(place):
    server, broker = place.server, place.broker
    ottla.create(server, "a", partitions=2, cleanup_policy="compact")
    ottla.create(server, "b")
    assert configured(broker, "a") == (2, "compact", "-1"), broker.topics()
    ottla.run("topics", f"{server}/a", "--create", expect=ottla.FAILED)
    ottla.run("topics", f"{server}/a", "--create", "--if-not-exists")
    ottla.run("topics", f"{server}/a", "--alter", "-P", 5, "-c", "retention.ms=1000",
              "--delete-config", "cleanup.policy")
    assert configured(broker, "a") == (5, None, "1000"), broker.topics()
    ottla.run("topics", f"{server}/a", "--alter", "-P", 3, expect=ottla.FAILED)
    ottla.produce(server, "b", "1\n2\n3\n")
    wired = {topic: json.loads(ottla.run("topics", f"{server}/{topic}", "--output", "json").stdout)
             for topic in "ab"}
    listed = json.loads(ottla.run("topics", server, "--output", "json").stdout)
    broker.stop()
    assert listed == json.loads(ottla.run("topics", place.data, "--output", "json").stdout)
    for topic, ours in wired.items():
        there = json.loads(ottla.run("topics", f"{place.data}/{topic}", "--output", "json").stdout)
        for partition in [*there["partitions"], *ours["partitions"]]:
            # No server tells how many segments there are, and a stop leaves no leader: a new epoch.
            partition.pop("segments")
            partition.pop("leaderEpoch")
        assert ours == there, (ours, there)
    with broker:
        server = f"kafka://{broker.bootstrap}"
        ottla.run("topics", f"{server}/a", "--delete")
        ottla.run("topics", f"{server}/a", "--delete", expect=ottla.FAILED)
        ottla.run("topics", f"{server}/a", "--delete", "--if-exists")
        assert list(broker.topics()) == ["b"], broker.topics()


def configured(broker, topic):
    """Partitions, and two configs as Kafka's tool has them, those of the broker among them."""
    partitions, configs = broker.topics()[topic]
    return partitions, configs.get("cleanup.policy"), configs.get("retention.ms")


@on_both
def case_groups_share_and_go_on(place):
    """Members of ours, kcat's and Java's group tool: every record once, nothing lost."""
    server, broker = place.server, place.broker
    ottla.create(server, "t", partitions=4)
    ottla.produce(server, "t", numbers(0, 1000), "--partitioner", "round-robin")
    first = ottla.consume(server, "t", "-g", "g", "-c", "137")
    rest = ottla.consume(server, "t", "-g", "g")
    assert sorted(map(int, (first + rest).split())) == list(range(1000))
    assert committed(broker, "g") == {("t", p): (250, 0) for p in range(4)}
    assert ottla.consume(server, "t", "-g", "g") == b""

    # Two that follow share the partitions; one leaves, the other takes over.
    members = [follower(server, "t", "g") for _ in range(2)]
    wait_for(lambda: owners(broker, "g") == [2, 2], "two partitions each")
    ottla.produce(server, "t", numbers(1000, 2000), "--partitioner", "round-robin")
    wait_for(lambda: all(lag == 0 for _, lag in committed(broker, "g").values()), "all read")
    members[0].send_signal(signal.SIGINT)
    outs = [members[0].communicate(timeout=60)[0]]
    assert members[0].returncode == 0, members[0].returncode
    wait_for(lambda: owners(broker, "g") == [4], "one has all")
    ottla.produce(server, "t", numbers(2000, 2100), "--partitioner", "round-robin")
    wait_for(lambda: all(lag == 0 for _, lag in committed(broker, "g").values()), "all read")
    members[1].send_signal(signal.SIGINT)
    outs.append(members[1].communicate(timeout=60)[0])
    found = sorted(int(line) for out in outs for line in out.split())
    assert found == list(range(1000, 2100)), len(found)
    assert owners(broker, "g") == []
    # kcat goes on where we left off.
    ottla.produce(server, "t", numbers(2100, 2110), "--partitioner", "round-robin")
    out = kafka.kcat("-G", "g", "-b", broker.bootstrap, "-e", "-q", "t",
                     "-X", "auto.offset.reset=earliest")
    assert sorted(map(int, out.split())) == list(range(2100, 2110)), out
    broker.stop()


@on_both
def case_members_of_ours_and_javas_in_one_group(place):
    """Whoever leads, however partitions are shared out: each has some, and every record comes to one of them."""
    for ours, javas in (("range", "RangeAssignor"), ("cooperative-sticky", "CooperativeStickyAssignor")):
        for java_leads in (True, False):
            together(place, f"{ours}-{'java' if java_leads else 'ours'}", ours, javas, java_leads)
    place.broker.stop()


def together(place, topic, ours, javas, java_leads):
    ottla.create(place.server, topic, partitions=4)
    load = ottla.start_produce(place.server, topic, "--partitioner", "round-robin", "-X", "linger.ms=5")
    begin = [functools.partial(Javas, place, topic, javas), functools.partial(Ours, place, topic, ours)]
    if not java_leads:
        begin.reverse()
    members = [begin[0]()]
    sent = feed_until(load, 0, members)
    members.append(begin[1]())
    sent = feed_until(load, sent, members)
    members[0].leave()
    sent = feed_until(load, sent, members[1:])
    load.stdin.close()
    assert load.wait(60) == 0, load.stderr.read()
    wait_for(lambda: sum(len(member.values()) for member in members) >= sent, f"{topic}: all is read")
    members[1].leave()
    found = sorted(int(value) for member in members for value in member.values())
    assert found == list(range(sent)), f"{topic}: {len(found)} of {sent}, {len(set(found))} of them once"
    assert [lag for _, lag in committed(place.broker, topic).values()] == [0] * 4


def feed_until(load, sent, members, timeout=60):
    """Writes records until each of the members got some that were written since, twice."""
    deadline = time.monotonic() + timeout
    for _ in range(2):
        before = [len(member.values()) for member in members]
        while not all(len(member.values()) > seen for member, seen in zip(members, before)):
            assert time.monotonic() < deadline, "a member gets nothing:\n" + "\n".join(m.complaint() for m in members)
            load.stdin.write(numbers(sent, sent + 40).encode())
            load.stdin.flush()
            sent += 40
            time.sleep(0.1)
    return sent


class Member:
    """A process that prints what it reads."""

    def __init__(self, place, name, command):
        self.out, self.err = place.work / f"{name}.out", place.work / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        kafka.STARTED.append(self.process)

    def lines(self):
        text = self.out.read_text()
        return text[:text.rfind("\n") + 1].splitlines()

    def leave(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def complaint(self):
        return f"{self.err.name}: {self.err.read_text(errors='replace')[-2000:]}"


class Ours(Member):
    def __init__(self, place, topic, strategy):
        super().__init__(place, f"{topic}-ours",
                         [ottla.BIN / "ottla-consume", f"{place.server}/{topic}", "-g", topic, "--follow", "-X",
                          f"partition.assignment.strategy={strategy}", "-X", "heartbeat.interval.ms=200"])

    def values(self):
        return self.lines()


class Javas(Member):
    def __init__(self, place, topic, strategy):
        super().__init__(place, f"{topic}-java",
                         ["java", *kafka.TOOL_JVM, f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties",
                          "-Dottla.level=ERROR", "-cp", kafka.classpath(), "org.apache.kafka.tools.VerifiableConsumer",
                          "--bootstrap-server", place.broker.bootstrap, "--topic", topic, "--group-id", topic, "--verbose",
                          "--group-protocol", "classic", "--assignment-strategy",
                          f"org.apache.kafka.clients.consumer.{strategy}"])

    def values(self):
        """What it committed: what it commits while partitions move its client refuses, and another reads it."""
        events = [json.loads(line) for line in self.lines()]
        committed = {}
        for event in events:
            if event["name"] == "offsets_committed" and event["success"]:
                committed |= {part["partition"]: part["offset"] for part in event["offsets"]}
        return [event["value"] for event in events
                if event["name"] == "record_data" and event["offset"] < committed.get(event["partition"], 0)]


@on_both
def case_groups_verb(place):
    """The same on the server and, once it has stopped, on the directory it leaves."""
    server, broker = place.server, place.broker
    ottla.create(server, "t", partitions=2)
    ottla.produce(server, "t", numbers(0, 100), "--partitioner", "round-robin")
    ottla.consume(server, "t", "-g", "g")
    wired = groups(server, "-g", "g")
    assert [(r["partition"], r["offset"], r["lag"]) for r in wired] == [(0, 50, 0), (1, 50, 0)], wired
    assert groups(server, "--list") == [{"group": "g", "type": "classic", "state": "Empty"}]
    groups(f"{server}/t", "-g", "g", "--reset", "-o", "-5", "--dry-run")
    assert committed(broker, "g") == {("t", 0): (50, 0), ("t", 1): (50, 0)}
    groups(f"{server}/t", "-g", "g", "--reset", "-o", "-5")
    groups(f"{server}/t", "-g", "new", "--reset", "-o", "beginning", "-p", "1")
    assert committed(broker, "g") == {("t", 0): (45, 5), ("t", 1): (45, 5)}
    assert committed(broker, "new") == {("t", 1): (0, 50)}
    groups(f"{server}/t", "-g", "g", "--delete-offsets", "-p", "0")
    assert committed(broker, "g") == {("t", 1): (45, 5)}
    groups(server, "-g", "new", "--delete")
    ottla.run("groups", server, "-g", "new", expect=ottla.FAILED)
    wired = groups(server, "-g", "g")
    broker.stop()
    assert groups(place.data, "-g", "g") == wired
    groups(f"{place.data}/t", "-g", "g", "--reset", "-o", "10")
    with broker:
        assert committed(broker, "g") == {("t", 0): (10, 40), ("t", 1): (10, 40)}
    groups(place.data, "-g", "g", "--delete")
    with broker:
        assert groups(f"kafka://{broker.bootstrap}") == []


def groups(location, *options):
    out = ottla.run("groups", location, "--output", "json", *options).stdout
    return json.loads(out) if out else None


def numbers(start, end):
    return "".join(f"{i}\n" for i in range(start, end))


def follower(server, topic, group):
    return subprocess.Popen([ottla.BIN / "ottla-consume", f"{server}/{topic}", "-g", group, "--follow",
                             "-X", "auto.commit.interval.ms=200", "-X", "heartbeat.interval.ms=200"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def described(broker, group):
    """Kafka's group tool: rows of (topic, partition, offset, lag, member)."""
    out = kafka.java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                     "--bootstrap-server", broker.bootstrap, "--describe", "--group", group).decode()
    rows = [line.split() for line in out.splitlines() if line.startswith(f"{group} ")]
    return [(row[1], int(row[2]), row[3], row[5], row[6]) for row in rows]


def committed(broker, group):
    return {(topic, partition): (int(offset), int(lag))
            for topic, partition, offset, lag, _ in described(broker, group) if offset != "-"}


def owners(broker, group):
    """How many partitions each member has."""
    members = [member for *_, member in described(broker, group) if member != "-"]
    return sorted(members.count(each) for each in set(members))


def wait_for(condition, what, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"


def awkward(seed):
    """Nulls, empty and binary keys and values, headers that repeat."""
    draw = random.Random(seed)
    records = [(None, b"", []), (b"", b"v", []), (b"k", None, [("h", None), ("h", b""), ("h", b"\xff")]),
               (bytes(range(256)), b"\x00\xff\n", [])]
    for i in range(2000):
        records.append((f"key {draw.randrange(100)}".encode(), draw.randbytes(draw.randrange(400)),
                        [("n", str(i).encode())]))
    return records
