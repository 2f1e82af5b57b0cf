"""Share groups (KIP-932): the same members' lives against Apache Kafka and `ottla serve`.

The program (java/Sharer.java) takes commands from standard input, a line each:

    set GROUP NAME VALUE        open GROUP TOPIC        poll PATIENCE_MS        ack VALUE ACCEPT|RELEASE|REJECT|RENEW
    commit                      close                   offsets GROUP           members GROUP

`poll` answers PARTITION:OFFSET:VALUE:DELIVERIES of each record that came.
"""

import re
import time

import kafka
import ottla
from cases.transactors import Transactor
from kafka import Kafka
from serve import Serve

SETTINGS = {
    "offsets.topic.num.partitions": 2,
    "share.coordinator.state.topic.num.partitions": 2,
    "group.share.assignment.interval.ms": 0,
    "group.share.session.timeout.ms": 5000,
    "group.share.min.session.timeout.ms": 5000,
    "group.share.heartbeat.interval.ms": 500,
    "group.share.min.heartbeat.interval.ms": 500,
    "group.share.min.record.lock.duration.ms": 1000,
}
PATIENCE = 20_000
GROUP, TOPIC = "sharers", "shared"
COMMAND = ["java", *kafka.TOOL_JVM, "-Dottla.level=OFF", f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties",
           "-cp", f"{kafka.classpath()}:{kafka.HELPERS}", "Sharer"]


class Sharer(Transactor):
    """A member at work."""

    def __init__(self, host):
        super().__init__(COMMAND, host)

    def opened(self, group=GROUP):
        self.do("open", group, TOPIC)
        return self

    def poll(self, patience=PATIENCE):
        answer = self.say("poll", patience)
        assert answer.startswith("ok"), answer
        return answer.split()[1:]

    def ack(self, **kinds):
        for value, kind in kinds.items():
            self.do("ack", value, kind.upper())
        self.do("commit")

    def offsets(self):
        return self.say("offsets", GROUP)


def share_groups(host, *words):
    """What `kafka-share-groups` prints, without blanks that align."""
    out = kafka.java("org.apache.kafka.tools.consumer.group.ShareGroupCommand", "--bootstrap-server", host.bootstrap, *words)
    return [re.sub(r"\s+", " ", line).strip() for line in out.decode().splitlines() if line.strip()]


def write(host, *values):
    ottla.produce(f"kafka://{host.bootstrap}", TOPIC, "".join(f"{value}\n" for value in values))


def case_members_take_turns(work):
    found = {}
    for kind in (Kafka, Serve):
        host = kind(work / kind.__name__ / "data", work / kind.__name__, SETTINGS)
        host.format()
        found[kind] = take_turns(host)
    assert found[Kafka] == found[Serve], f"on Kafka:\n{found[Kafka]}\non serve:\n{found[Serve]}"


def case_locks_end(work):
    found = {}
    for kind in (Kafka, Serve):
        host = kind(work / kind.__name__ / "data", work / kind.__name__, SETTINGS)
        with host.format():
            found[kind] = locks_end(host)
    assert found[Kafka] == found[Serve], f"on Kafka:\n{found[Kafka]}\non serve:\n{found[Serve]}"


def locks_end(host):
    """One member is too slow, and another one gets its records; the console's consumer is a member like any other."""
    ottla.create(f"kafka://{host.bootstrap}", TOPIC)
    write(host, "a", "b", "c")
    slow = Sharer(host)
    for group in (GROUP, "console"):
        slow.do("set", group, "share.auto.offset.reset", "earliest")
    slow.do("set", GROUP, "share.record.lock.duration.ms", 1000)
    seen = [slow.opened().poll()]
    fast = Sharer(host).opened()
    seen.append(fast.poll())
    fast.ack(a="accept", b="accept", c="accept")
    seen.append(fast.offsets())
    out = kafka.java("org.apache.kafka.tools.consumer.ConsoleShareConsumer", "--bootstrap-server", host.bootstrap, "--topic", TOPIC,
                     "--group", "console", "--max-messages", 3, "--timeout-ms", PATIENCE)
    seen.append(out.decode().split())
    slow.kill()
    fast.kill()
    assert seen[1] == ["0:0:a:2", "0:1:b:2", "0:2:c:2"] and seen[3] == ["a", "b", "c"], seen
    return seen


def case_state_changes_hands(work):
    """A directory goes from serve to Kafka and back: every one goes on with what the one before has written."""
    data = work / "data"
    for turn, (kind, accepted) in enumerate([(Serve, "a0"), (Kafka, "a2"), (Serve, "a3")]):
        with kind(data, work / f"{turn}-{kind.__name__}", SETTINGS) as host:
            if turn == 0:
                ottla.create(f"kafka://{host.bootstrap}", TOPIC)
                write(host, "a0", "a1", "a2", "a3")
            member = Sharer(host)
            if turn == 0:
                member.do("set", GROUP, "share.auto.offset.reset", "earliest")
            member.opened()
            came = member.poll()
            expected = {0: ["0:0:a0:1", "0:1:a1:1", "0:2:a2:1", "0:3:a3:1"], 1: ["0:1:a1:2", "0:2:a2:2", "0:3:a3:2"],
                        2: ["0:1:a1:3", "0:3:a3:3"]}[turn]
            assert came == expected, (turn, came)
            # What is not acknowledged goes back when the member closes, and has been delivered once more.
            member.ack(**{accepted: "accept"})
            member.do("close")
            deadline = time.monotonic() + 30
            while member.say("members", GROUP) != "ok 0":
                assert time.monotonic() < deadline, "a member is still there"
                time.sleep(0.1)
            offsets = member.offsets()
            assert offsets == "ok {shared-0=1}", (turn, offsets)
            member.close()
            if turn == 2:
                # What was acknowledged stays so when the server is killed, and so does how often the rest was delivered.
                host.kill()
                host.start()
                last = Sharer(host).opened()
                assert last.poll() == ["0:1:a1:4"]
                last.ack(a1="accept")
                assert (last.poll(500), last.offsets()) == ([], "ok {shared-0=1}")
                last.kill()


def take_turns(host):
    seen = []
    with host:
        ottla.create(f"kafka://{host.bootstrap}", TOPIC)
        write(host, *(f"r{number}" for number in range(6)))
        first = Sharer(host)
        first.do("set", GROUP, "share.auto.offset.reset", "earliest")
        first.opened()
        seen.append(first.poll())
        first.ack(r0="accept", r1="accept", r2="release", r3="reject", r4="accept", r5="release")
        seen.append(first.offsets())
        seen.append(first.poll())
        # What a killed member has in hand goes to another one.
        first.kill()
        second = Sharer(host).opened()
        seen.append(second.poll())
        second.ack(r2="accept", r5="release")
        # The fifth delivery is the last.
        for _ in range(2):
            seen.append(second.poll())
            second.ack(r5="release")
        seen.append(second.poll(1000))
        seen.append(second.offsets())
        write(host, "r6", "r7")
        seen.append(second.poll())
        second.ack(r6="release", r7="accept")
        # Whoever closes lets go of what is not acknowledged.
        seen.append(second.poll())
        second.do("close")
        second.close()
        seen.append(share_groups(host, "--list"))
        seen.append(share_groups(host, "--describe", "--group", GROUP, "--offsets"))
    with host:
        third = Sharer(host).opened()
        seen.append(third.poll())
        third.ack(r6="accept")
        seen.append(third.offsets())
        third.do("close")
        # The killed one is a member until its time is up.
        deadline = time.monotonic() + 30
        while third.say("members", GROUP) != "ok 0":
            assert time.monotonic() < deadline, third.say("members", GROUP)
            time.sleep(0.2)
        third.close()
        for words in (["--reset-offsets", "--to-earliest", "--topic", TOPIC, "--execute"], ["--describe", "--offsets"],
                      ["--delete-offsets", "--topic", TOPIC], ["--delete"]):
            seen.append(share_groups(host, *words, "--group", GROUP))
        seen.append(share_groups(host, "--list"))
    return seen
