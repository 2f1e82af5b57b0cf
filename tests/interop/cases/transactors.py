"""Transactional producers of four client libraries, with the same script against Apache Kafka and `ottla serve`.

The programs (java/Transactor.java, libraries/python/transact.py, libraries/go/transact.go) take commands from standard
input, a line each, and answer `ok` or `refused WHY`:

    init ID TIMEOUT_MS      begin      commit      abort
    send TOPIC PARTITION VALUE         offset GROUP TOPIC PARTITION OFFSET
"""

import base64
import json
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import kafka
import ottla
from cases.libraries import SOURCES, go_home, python_home
from kafka import Kafka
from serve import Serve

SETTINGS = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 200,
    "transaction.state.log.num.partitions": 4,
    "offsets.topic.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
}
TIMEOUT = 60_000
LAST_EPOCH = 32766  # the last one that a client is told


def commands():
    python = [python_home() / "bin/python", "-B", SOURCES / "python/transact.py"]
    return {
        "java": ["java", *kafka.TOOL_JVM, "-Dottla.level=OFF", f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties",
                 "-cp", f"{kafka.classpath()}:{kafka.HELPERS}", "Transactor"],
        "confluent": [*python, "confluent"],
        "kafka_python": [*python, "kafka_python"],
        "franz": [go_home() / "libraries", "franz", "transact"],
    }


class Transactor:
    """A program at work."""

    def __init__(self, command, host):
        self.process = subprocess.Popen([*map(str, command), host.bootstrap], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        kafka.STARTED.append(self.process)

    def say(self, *words):
        """What it answers."""
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().strip()
        assert answer, f"the program ended at {words}"
        return answer

    def do(self, *words):
        """It has to be done."""
        answer = self.say(*words)
        assert answer == "ok", f"{words}: {answer}"

    def fails(self, *words):
        answer = self.say(*words)
        assert answer.startswith("refused"), f"{words}: {answer}, and should be refused"

    def transact(self, topic, value, end="commit"):
        self.do("begin")
        self.do("send", topic, 0, value)
        self.do(end)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)

    def kill(self):
        self.process.kill()
        self.process.wait()


def values(host, topic, *options):
    return [r.value.decode() for r in ottla.records(f"kafka://{host.bootstrap}", topic, *options)]


def committed(host, topic):
    return values(host, topic, "--read-committed")


def on_both(work, script):
    """Runs a script for every library, on Kafka and on `ottla serve`: what it returns is the same."""
    found = {}
    for kind in (Kafka, Serve):
        host = kind(work / kind.__name__ / "data", work / kind.__name__, SETTINGS)
        with host.format():
            with ThreadPoolExecutor(4) as pool:
                running = {name: pool.submit(script, host, name, command) for name, command in commands().items()}
            wrong = [f"{name} on {kind.__name__}: {done.exception()!r}" for name, done in running.items() if done.exception()]
            assert not wrong, "\n".join(wrong)
            found[kind] = {name: done.result() for name, done in running.items()}
    assert found[Kafka] == found[Serve], f"on Kafka:\n{found[Kafka]}\non serve:\n{found[Serve]}"


def case_commit_abort_and_fence(work):
    on_both(work, commit_abort_and_fence)


def commit_abort_and_fence(host, name, command):
    server, topic = f"kafka://{host.bootstrap}", f"of-{name}"
    ottla.create(server, topic)
    first = Transactor(command, host)
    first.do("init", name, TIMEOUT)
    first.transact(topic, "committed")
    first.transact(topic, "aborted", "abort")
    first.do("begin")
    first.do("send", topic, 0, "with-an-offset")
    first.do("offset", f"group-{name}", topic, 0, 2)
    assert committed(host, topic) == ["committed"]
    first.do("commit")
    first.do("begin")
    first.do("offset", f"group-{name}", topic, 0, 9)
    first.do("abort")
    # A second run of the same id fences the first, and aborts what it has left open.
    first.do("begin")
    first.do("send", topic, 0, "of-a-zombie")
    assert values(host, topic)[-1] == "of-a-zombie" and committed(host, topic)[-1] == "with-an-offset"
    second = Transactor(command, host)
    second.do("init", name, TIMEOUT)
    second.transact(topic, "of-the-second")
    first.fails("commit")
    # One whose program dies is aborted by the next run.
    second.do("begin")
    second.do("send", topic, 0, "of-the-dead")
    second.kill()
    third = Transactor(command, host)
    third.do("init", name, TIMEOUT)
    third.transact(topic, "of-the-third")
    third.close()
    first.close()
    group = json.loads(ottla.run("groups", server, "--group", f"group-{name}", "--output", "json").stdout)
    return committed(host, topic), values(host, topic), [(part["topic"], part["partition"], part["offset"]) for part in group]


def case_time_is_up(work):
    on_both(work, time_is_up)


def time_is_up(host, name, command):
    topic = f"of-{name}"
    ottla.create(f"kafka://{host.bootstrap}", topic)
    late = Transactor(command, host)
    late.do("init", name, 1000)
    late.transact(topic, "in-time")
    late.do("begin")
    late.do("send", topic, 0, "late")
    ottla.produce(f"kafka://{host.bootstrap}", topic, "behind\n")
    assert committed(host, topic) == ["in-time"], "an open transaction holds back what is behind it"
    deadline = time.monotonic() + 30
    while committed(host, topic) != ["in-time", "behind"]:
        assert time.monotonic() < deadline, "the transaction is not aborted"
        time.sleep(0.1)
    late.fails("commit")
    late.close()
    return committed(host, topic), values(host, topic)


def case_restarts(work):
    """The coordinator is killed in every state that a client can be in; the client goes on."""
    for kind in (Kafka, Serve):
        host = kind(work / kind.__name__ / "data", work / kind.__name__, SETTINGS, port=kafka.free_port())
        with host.format():
            found = restarts(host)
        for name, seen in found.items():
            assert seen == (["first", "second", "fourth"], ["first", "second", "third", "fourth"]), (kind, name, seen)


def restarts(host):
    running = {name: Transactor(command, host) for name, command in commands().items()}
    for name, one in running.items():
        ottla.create(f"kafka://{host.bootstrap}", f"of-{name}")
        one.do("init", name, TIMEOUT)

    def everyone(*words):
        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(one.do, *(word.format(name) for word in words)) for name, one in running.items()]
        for each in done:
            each.result()

    def again():
        if isinstance(host, Kafka) and not isinstance(host, Serve):
            # Kafka 4.3.1 forgets the markers of a decided transaction when it is killed before it has written them: when it
            # comes back it knows no leaders yet and takes the partitions for deleted.
            time.sleep(1)
        host.kill()
        host.start()

    again()  # Empty
    everyone("begin")
    everyone("send", "of-{}", "0", "first")
    again()  # Ongoing
    everyone("send", "of-{}", "0", "second")
    everyone("commit")
    again()  # CompleteCommit
    everyone("begin")
    everyone("send", "of-{}", "0", "third")
    everyone("abort")
    again()  # CompleteAbort
    everyone("begin")
    everyone("send", "of-{}", "0", "fourth")
    everyone("commit")
    for one in running.values():
        one.close()
    return {name: (committed(host, f"of-{name}"), values(host, f"of-{name}")) for name in running}


def case_epochs_are_used_up(work):
    """Ids whose producers have had nearly all of their epochs go on under another producer id."""
    found = {}
    for kind in (Kafka, Serve):
        host = kind(work / kind.__name__ / "data", work / kind.__name__, SETTINGS)
        with host.format():
            for name, command in commands().items():
                ottla.create(f"kafka://{host.bootstrap}", f"of-{name}")
                one = Transactor(command, host)
                one.do("init", name, TIMEOUT)
                one.transact(f"of-{name}", "before")
                one.close()
        raise_epochs(host.data, LAST_EPOCH - 2)
        with host:
            with ThreadPoolExecutor(4) as pool:
                done = {name: pool.submit(use_up, host, name, command) for name, command in commands().items()}
            found[kind] = {name: each.result() for name, each in done.items()}
    assert found[Kafka] == found[Serve], f"on Kafka:\n{found[Kafka]}\non serve:\n{found[Serve]}"


def use_up(host, name, command):
    for run in range(3):
        one = Transactor(command, host)
        one.do("init", name, TIMEOUT)
        for number in range(3):
            one.transact(f"of-{name}", f"{run}-{number}")
        one.close()
    listed = kafka.java("org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", host.bootstrap, "describe",
                        "--transactional-id", name).decode().split("\n")[1].split()
    epoch, state = int(listed[3]), listed[4]
    assert epoch < 20, f"{name}: still the old producer: {listed}"
    return committed(host, f"of-{name}"), epoch, state


def raise_epochs(data, epoch):
    """Writes for every transactional id that its producer is in that epoch by now."""
    latest = {}
    for partition in range(4):
        for line in ottla.run("consume", f"{data}/__transaction_state-{partition}", "--json").stdout.splitlines():
            envelope = json.loads(line)
            latest[envelope["key"]] = (partition, envelope)
    assert len(latest) == 4, latest.keys()
    for partition, envelope in latest.values():
        value = bytearray(base64.b64decode(envelope["valueBase64"]))
        struct.pack_into(">h", value, 2 + 8, epoch)  # behind the version and the producer id
        envelope["valueBase64"] = base64.b64encode(value).decode()
        ottla.run("produce", f"{data}/__transaction_state-{partition}", "--json", stdin=json.dumps(envelope) + "\n")
