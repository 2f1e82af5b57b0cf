"""Chains of Kafka's TransactionalMessageCopier: what it consumes, produces and commits is one transaction.

Servers are killed and change hands under them; a copier that gives up is started again. At the end the last topic of the
chain shows every record of the first once, in the order of its partition.
"""

import json
import random
import subprocess
import threading
import time

import kafka
import ottla
from kafka import Kafka
from record import same
from serve import Serve

PARTITIONS = 2
RECORDS = 8_000
TOPICS = ["first", "second", "third"]
BOUNCES = 6
SETTINGS = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
}


def case_hard_bounces(work):
    """`ottla serve` is killed under the copiers."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    host = Serve(work / "data", work, SETTINGS, port=kafka.free_port())
    host.start()
    fill(host)
    with Copiers(work, host) as copiers:
        for bounce in range(BOUNCES):
            copiers.wait_for_more(f"bounce {bounce}")
            time.sleep(chance.random())
            host.kill()
            time.sleep(chance.random() / 2)
            host.start()
        copiers.wait_for_all()
    check(host)
    host.stop()
    ottla.run("inspect", "verify", host.data)


def case_swap_under_transactions(work):
    """serve → Apache Kafka → serve, five times; every other server is killed."""
    data, port = work / "data", kafka.free_port()
    serve, broker = Serve(data, work, SETTINGS, port=port), Kafka(data, work, SETTINGS, port=port)
    serve.start()
    fill(serve)
    with Copiers(work, serve) as copiers:
        for turn, host in enumerate([serve, broker] * 5):
            if turn > 0:
                if host is broker:
                    finish_for_kafka(work, data)
                host.start()
            copiers.wait_for_more(f"turn {turn}")
            if turn % 4 in (1, 2):
                host.kill()
            else:
                host.stop()
        serve.start()
        copiers.wait_for_all()
    check(serve)
    serve.stop()
    ottla.run("inspect", "verify", data)


def finish_for_kafka(work, data):
    """Kafka 4.3.1 forgets the markers of a decided transaction that it finds at its start: it knows no leaders yet then and
    takes the partitions for deleted. `ottla serve` writes them."""
    found = json.loads(ottla.run("inspect", "transactions", data, "--all", "--output", "json").stdout)
    decided = [each for each in found["transactionalIds"] if each["status"].startswith("Prepare")]
    if decided:
        print(f"{len(decided)} decided transactions are finished by ottla serve before Apache Kafka starts", flush=True)
        Serve(data, work / "finish", SETTINGS).start().stop()


def fill(host):
    server = f"kafka://{host.bootstrap}"
    for topic in TOPICS:
        ottla.create(server, topic, partitions=PARTITIONS)
    for partition in range(PARTITIONS):
        text = "".join(f"{partition}-{number}\n" for number in range(RECORDS // PARTITIONS))
        ottla.produce(server, TOPICS[0], text, "-p", partition)


def shown(host, topic):
    """The values that a reader of committed records sees, by partition."""
    found = [[] for _ in range(PARTITIONS)]
    for each in ottla.records(f"kafka://{host.bootstrap}", topic, "--read-committed"):
        found[each.partition].append(each.value.decode())
    return found


def check(host):
    for topic in TOPICS[1:]:
        for partition, values in enumerate(shown(host, topic)):
            expected = [f"{partition}-{number}" for number in range(RECORDS // PARTITIONS)]
            same(f"{TOPICS[0]}-{partition}", expected, f"{topic}-{partition}", values)


class Copiers:
    """A copier for each partition of each pair of topics, started again whenever it ends before all is copied."""

    def __init__(self, work, host):
        self.work, self.host = work, host
        self.port = host.fixed_port
        self.ended = threading.Event()
        self.committed = {}
        self.processes = {}
        self.threads = [threading.Thread(target=self.keep_going, args=(pair, partition))
                        for pair in range(len(TOPICS) - 1) for partition in range(PARTITIONS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for process in list(self.processes.values()):
            process.kill()
        for thread in self.threads:
            thread.join(60)

    def keep_going(self, pair, partition):
        """Runs the copier of one partition again and again; it ends by itself when it has copied what was there."""
        name = f"copier-{pair}-{partition}"
        command = [
            "java", *kafka.TOOL_JVM, f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties", "-Dottla.level=ERROR",
            "-cp", kafka.classpath(), "org.apache.kafka.tools.TransactionalMessageCopier",
            "--broker-list", f"127.0.0.1:{self.port}", "--transactional-id", name, "--consumer-group", f"group-{pair}",
            "--input-topic", TOPICS[pair], "--input-partition", str(partition), "--output-topic", TOPICS[pair + 1],
            "--transaction-size", "100", "--transaction-timeout", "20000", "--enable-random-aborts",
            *(["--use-group-metadata"] if partition else [])]
        while not self.ended.is_set():
            with open(self.work / f"{name}.log", "ab") as log:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            kafka.STARTED.append(process)
            self.processes[name] = process
            before = self.committed.get(name, 0)
            for line in process.stdout:
                if line.startswith(b"{"):
                    self.committed[name] = before + json.loads(line)["totalProcessed"]
            process.wait()
            self.ended.wait(0.2)

    def total(self):
        return sum(self.committed.values())

    def wait_for_more(self, when, more=200, timeout=120):
        """Until they have copied some more, or all; what the last server did does not count."""
        deadline, target = time.monotonic() + timeout, self.total() + more
        everything = RECORDS * (len(TOPICS) - 1)
        while self.total() < min(target, everything):
            assert time.monotonic() < deadline, f"no progress in {when}: {self.total()} records of {target}"
            time.sleep(0.05)
        print(f"{when}: {self.total()} of {everything} copied", flush=True)

    def wait_for_all(self, timeout=180):
        """Until the last topic shows as many records as the first has."""
        deadline = time.monotonic() + timeout
        while (found := sum(map(len, shown(self.host, TOPICS[-1])))) < RECORDS:
            assert time.monotonic() < deadline, f"{found} of {RECORDS} records have come through"
            time.sleep(0.5)
