"""Groups of each client library against Apache Kafka and `ottla serve`: members come, crash and leave while records are
written. Every member has its share, every record comes to one of them, nobody begins before what was committed, and what is
committed at last is the end."""

import json
import signal
import subprocess
import threading
import time
import zlib
from functools import partial

import kafka
import ottla
from cases.libraries import libraries, on_both
from record import same

PARTITIONS = 6
PATIENCE = 120  # seconds; on an idle machine a group settles in one, or in the 6 of its sessions after a crash


def case_groups_of_libraries_settle_alike(work):
    """With each protocol that a library has."""
    scripts = {f"{library.name}-{protocol}": partial(live, library.command, protocol, f"{library.name}-{protocol}")
               for library in libraries() for protocol in library.protocols}
    on_both(work, scripts, at_once=16, after=told_by_kafkas_tools)


def live(command, protocol, name, host):
    """The life of a group; where each partition of its topic ends."""
    group = Group(host, name, command, protocol)
    load = Load(host, group.topic)
    try:
        one, two = group.join(), group.join()
        group.settle(one, two)
        three = group.join()
        group.settle(one, two, three)
        one.crash()
        group.settle(two, three)
        two.leave()
        group.settle(three)
        four = group.join()
        group.settle(three, four)
    finally:
        written = load.end()
    ends = group.catch_up(written)
    three.leave()
    four.leave()
    group.assert_nobody_began_before_what_was_committed()
    return ends


def told_by_kafkas_tools(host, ends):
    """Each group was of its protocol, is empty, and has committed all that there is."""
    listed = rows(host, "GroupsCommand", "--list")
    same("started", [[group, "Classic" if group.endswith("-classic") else "Consumer", "consumer"] for group in ends],
         "listed", [row for row in listed if row[0] in ends])
    states = rows(host, "consumer.group.ConsumerGroupCommand", "--list", "--state")
    same("left", [[group, "Empty"] for group in ends], "listed", [row for row in states if row[0] in ends])
    described = rows(host, "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--offsets")
    committed = [(group, int(partition), int(offset)) for group, _, partition, offset, *_ in described if group in ends]
    same("ends", [(group, *end) for group, found in ends.items() for end in found.items()], "committed", committed)


def rows(host, tool, *options):
    printed = kafka.java(f"org.apache.kafka.tools.{tool}", "--bootstrap-server", host.bootstrap, *options).decode()
    return [line.split() for line in printed.splitlines() if line]


class Group:
    """A group of members of one library, and a topic for them."""

    def __init__(self, host, name, command, protocol):
        self.host, self.name, self.command, self.protocol = host, name, command, protocol
        self.topic = f"for-{name}"
        self.members = []
        self.looks = []
        ottla.run("topics", f"kafka://{host.bootstrap}/{self.topic}", "--create", "--partitions", PARTITIONS)

    def join(self):
        self.members.append(Member(self, len(self.members) + 1))
        return self.members[-1]

    def settle(self, *members):
        """Until each of them, and nobody else, gets records of partitions of its own, which are all of them, and the group
        is told to be so."""
        deadline = time.monotonic() + PATIENCE
        since, told = [len(member.places()) for member in members], None
        while True:
            for member in members:
                assert member.process.poll() is None, f"{member.name} ended {member.process.poll()}: {member.complaint()}"
            assert time.monotonic() < deadline, (f"{self.name} does not settle: members get {shares}, the group has {told}\n"
                                                 + "\n".join(member.complaint() for member in members))
            shares = [{partition for partition, _ in member.places()[seen:]} for member, seen in zip(members, since)]
            if len(set().union(*shares)) == PARTITIONS:
                if all(shares) and sum(map(len, shares)) == PARTITIONS:
                    told = self.look()
                    if told == sorted(map(sorted, shares)):
                        return
                since = [len(member.places()) for member in members]
            time.sleep(0.05)

    def look(self):
        """The shares of the members, if the group is stable; keeps what is committed, and what members had got by then."""
        found = json.loads(ottla.run("groups", f"kafka://{self.host.bootstrap}", "-g", self.name, "--output", "json").stdout)
        committed = {row["partition"]: row["offset"] for row in found if row["offset"] is not None}
        self.looks.append((committed, [len(member.places()) for member in self.members]))
        shares = {}
        for row in found:
            shares.setdefault(row["member"], []).append(row["partition"])
        stable = {row["state"] for row in found} == {"Stable"} and None not in shares
        return sorted(map(sorted, shares.values())) if stable else None

    def catch_up(self, written):
        """Until every record that was written came to a member; the ends of the partitions."""
        deadline = time.monotonic() + PATIENCE
        while len(got := {place for member in self.members for place in member.places()}) < written:
            assert time.monotonic() < deadline, f"{self.name}: {len(got)} of {written} records came" + "\n".join(
                member.complaint() for member in self.members)
            time.sleep(0.1)
        ends = {number: 1 + max(offset for partition, offset in got if partition == number) for number in range(PARTITIONS)}
        assert sum(ends.values()) == written, f"{self.name}: {written} records were written, places are up to {ends}"
        return ends

    def assert_nobody_began_before_what_was_committed(self):
        """A member begins with a partition where its records do not go on from those that it got before."""
        for at, member in enumerate(self.members):
            last = {}
            for number, (partition, offset) in enumerate(member.places()):
                if last.get(partition) != offset - 1:
                    before = [committed for committed, got in self.looks if at >= len(got) or got[at] <= number]
                    known = max((committed.get(partition, 0) for committed in before), default=0)
                    assert offset >= known, f"{member.name} began with {partition} at {offset}, {known} were committed before"
                last[partition] = offset


class Member:
    def __init__(self, group, number):
        self.name = f"{group.name}-{number}"
        self.out, self.err = (group.host.work / f"{self.name}.{kind}" for kind in ("out", "err"))
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [*map(str, group.command), "member", group.host.bootstrap, group.name, group.topic, group.protocol],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        kafka.STARTED.append(self.process)
        self.got, self.read = [], 0

    def places(self):
        """(partition, offset) of each record that it got."""
        with open(self.out, "rb") as out:
            out.seek(self.read)
            text = out.read()
        text = text[:text.rfind(b"\n") + 1]
        self.read += len(text)
        self.got += [tuple(map(int, line.split())) for line in text.splitlines()]
        return self.got

    def crash(self):
        self.process.kill()
        self.process.wait()

    def leave(self):
        """Cleanly: it commits what it got, and says goodbye to the group."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert code == 0, f"{self.name} ended {code}: {self.complaint()}"

    def complaint(self):
        return f"{self.name} says: {self.err.read_text(errors='replace')[-2000:]}"


class Load:
    """Writes records to every partition now and then, until it is ended."""

    def __init__(self, host, topic):
        self.stop = threading.Event()
        self.count = 0
        self.process = subprocess.Popen(
            ["kcat", "-P", "-b", host.bootstrap, "-t", topic, "-K", ":", "-X", "partitioner=consistent", "-X", "linger.ms=5",
             "-X", "enable.idempotence=true"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kafka.STARTED.append(self.process)
        self.thread = threading.Thread(target=self.write)
        self.thread.start()

    def write(self):
        keys = [key_of(partition) for partition in range(PARTITIONS)] * 10
        while not self.stop.wait(0.1):
            self.process.stdin.write(b"".join(b"%d:%d\n" % (key, self.count) for key in keys))
            self.process.stdin.flush()
            self.count += len(keys)

    def end(self):
        """How many."""
        self.stop.set()
        self.thread.join()
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        return self.count


def key_of(partition):
    """A key that librdkafka's `consistent` partitioner sends there."""
    return next(key for key in range(1000) if zlib.crc32(b"%d" % key) % PARTITIONS == partition)
