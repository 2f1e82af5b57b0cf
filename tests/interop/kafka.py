"""Runs a stock Apache Kafka 4.3.1 and its tools on data directories.

Invariants:
- everything listens on 127.0.0.1 on a port that was free a moment ago;
- every process started here is ended here, by its own id;
- whatever Kafka says at WARN or above is a failure unless `EXPECTED` lists it.

Standard library only. The jars come from the directory that `tests/run` fills
(`tests/.cache/kafka-4.3.1`), or from `OTTLA_KAFKA_JARS`.
"""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import record

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
JARS = Path(os.environ.get("OTTLA_KAFKA_JARS", REPO / "tests/.cache/kafka-4.3.1"))
HELPERS = REPO / "tests/.cache/helpers"
NODE = 1
STARTED = []

# A short-lived JVM that does little: no big heap, no optimising compiler.
QUICK_JVM = ["-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
TOOL_JVM = ["-Xmx512m", *QUICK_JVM, "-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8"]
BROKER_JVM = ["-Xmx512m", *QUICK_JVM]

# Warnings that say nothing about the data.
EXPECTED = [
    "QuorumController .*Performing controller activation",  # at every start
    "ReplicationControlManager .*controller event queue overloaded",  # the machine was busy
    "NetworkClient .*Attempting to close NetworkClient that has already been closed",  # at a stop
]


class KafkaError(Exception):
    """Kafka, or one of its tools, did not do what was asked."""


def free_port():
    """A loopback port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare():
    """Compiles each Java helper once per version of it."""
    for source in sorted((HERE / "java").glob("*.java")):
        target = HELPERS / f"{source.stem}.class"
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            HELPERS.mkdir(parents=True, exist_ok=True)
            subprocess.run(["javac", "-cp", classpath(), "-d", HELPERS, source], check=True)


def go_client():
    """The program that writes with franz-go, compiled once per version of it."""
    source, target = HERE / "go", HELPERS / "go-client"
    if not target.exists() or any(target.stat().st_mtime < file.stat().st_mtime
                                  for file in source.iterdir()):
        HELPERS.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "build", "-o", target, "."], cwd=source, check=True)
    return target


def kill_leftovers():
    """Ends what a failed case left running."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


def classpath():
    if not any(JARS.glob("kafka_2.13-4.3.1.jar")):
        raise KafkaError(f"no Kafka 4.3.1 jars in {JARS}: run tests/run, which fetches them")
    return f"{JARS}/*"


def java(main, *args, stdin=None, check=True, level="ERROR", timeout=120):
    """Runs a Java class of Kafka's; its standard output as bytes."""
    command = ["java", *TOOL_JVM, f"-Dottla.level={level}",
               f"-Dlog4j2.configurationFile={HERE}/log4j2.properties",
               "-cp", f"{classpath()}:{HELPERS}", main, *map(str, args)]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise KafkaError(f"{main} {' '.join(map(str, args))} ended {done.returncode}:\n"
                         f"{done.stdout.decode(errors='replace')[-3000:]}"
                         f"{done.stderr.decode(errors='replace')[-3000:]}")
    return done.stdout


class Kafka:
    """A broker and controller in one process on one data directory."""

    jvm = BROKER_JVM

    def __init__(self, data, work, settings=None, dynamic=False, port=None):
        """`dynamic`: the voters are in the metadata log, not in `server.properties`. Without a
        `port` it gets another one at every start."""
        self.data = Path(data)
        self.work = Path(work)
        self.settings = settings or {}
        self.dynamic = dynamic
        self.fixed_port = port
        self.process = None
        self.runs = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.process is not None:
            self.kill()

    def start(self, timeout=180):
        """Starts it and waits until it serves."""
        self.launch()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise KafkaError(f"Kafka ended {self.process.returncode} at start:\n{self.tail()}")
            if "Kafka Server started" in self.log():
                return self
            time.sleep(0.05)
        self.kill()
        raise KafkaError(f"Kafka did not start within {timeout} s:\n{self.tail()}")

    def format(self):
        """Makes the data directory, as `kafka-storage.sh format` does."""
        java("kafka.tools.StorageTool", "format", "-t", "b3R0bGEtdGVzdC1rYWZrYQ", "-c", self.configure(),
             *(["--standalone"] if self.dynamic else []))
        return self

    def launch(self):
        """Starts the process and returns at once."""
        config = self.configure()
        self.runs += 1
        self.log_file = self.work / f"kafka-{self.runs}.log"
        with open(self.log_file, "wb") as out:
            self.process = subprocess.Popen(
                ["java", *self.jvm, f"-Dlog4j2.configurationFile={HERE}/log4j2.properties",
                 "-cp", classpath(), "kafka.Kafka", str(config)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        STARTED.append(self.process)

    def configure(self):
        """Writes `server.properties` with ports that are free now."""
        self.port, controller = self.fixed_port or free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        address = f"127.0.0.1:{controller}"
        properties = {
            "process.roles": "broker,controller",
            "node.id": NODE,
            **({"controller.quorum.bootstrap.servers": address} if self.dynamic
               else {"controller.quorum.voters": f"{NODE}@{address}"}),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.data,
            "offsets.topic.num.partitions": 2,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 2,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "broker.session.timeout.ms": 3000,  # what a start after kill -9 waits for
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "log.retention.ms": -1,  # the golden records are years old
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            **self.settings,
        }
        self.work.mkdir(parents=True, exist_ok=True)
        config = self.work / "server.properties"
        config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return config

    def stop(self, timeout=180):
        """A clean stop, as `kafka-server-stop.sh` does it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout)
        self.process = None

    def kill(self):
        """`kill -9`: no checkpoint, no clean-shutdown mark, indexes not trimmed."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def complaints(self):
        """Lines at WARN or above that the data could be the cause of."""
        return [line for line in self.log().splitlines()
                if re.match(r"\S+ (WARN|ERROR|FATAL) ", line)
                and not any(re.search(known, line) for known in EXPECTED)]

    def assert_content(self):
        """Fails where Kafka said anything at WARN or above."""
        assert not self.complaints(), "Kafka complains:\n" + "\n".join(self.complaints())

    # What its clients do.

    def read(self, *topics, isolation="read_uncommitted"):
        """Every record, by Kafka's own consumer."""
        out = java("Clients", "read", self.bootstrap, isolation, *topics).decode()
        return [record.from_java(line) for line in out.splitlines()]

    def read_each(self, topics, isolation="read_uncommitted"):
        """The same for many topics in one run: topic → records."""
        found = {topic: [] for topic in topics}
        for each in self.read(*topics, isolation=isolation):
            found[each.topic].append(each)
        return found

    def write(self, lines, **settings):
        """Sends the commands of `Clients.java write`, by Kafka's own producer."""
        settings = [f"{name.replace('_', '.')}={value}" for name, value in settings.items()]
        java("Clients", "write", self.bootstrap, *settings, stdin="\n".join(lines).encode())

    def kcat_write(self, topic, text, *options):
        kcat("-P", "-b", self.bootstrap, "-t", topic, "-X", "acks=all", *options, stdin=text)

    def kcat_read(self, topic, isolation="read_uncommitted"):
        """(partition, offset, timestamp, key, value), by librdkafka. An empty key is told from a
        null one by its size."""
        out = kcat("-C", "-b", self.bootstrap, "-t", topic, "-e", "-q", "-o", "beginning",
                   "-X", f"isolation.level={isolation}", "-X", "fetch.message.max.bytes=100000000",
                   "-X", "receive.message.max.bytes=200000000", "-X", "fetch.wait.max.ms=10",
                   "-f", "%p %o %T %K %S\n%k%s\n")
        records = []
        at = 0
        while at < len(out):
            end = out.index(b"\n", at)
            partition, offset, timestamp, key, value = map(int, out[at:end].split())
            at = end + 1
            parts = []
            for size in (key, value):
                parts.append(None if size < 0 else out[at:at + size])
                at += max(size, 0)
            at += 1
            records.append((partition, offset, timestamp, *parts))
        return records

    def console_read(self, topic, count, isolation="read_uncommitted"):
        """Lines of the console consumer: partition, offset, timestamp, key, value, tab-separated."""
        out = java("org.apache.kafka.tools.consumer.ConsoleConsumer",
                   "--bootstrap-server", self.bootstrap, "--topic", topic, "--from-beginning",
                   "--max-messages", count, "--timeout-ms", 20000,
                   "--command-property", f"isolation.level={isolation}",
                   *(option for name in ("timestamp", "partition", "offset", "key")
                     for option in ("--formatter-property", f"print.{name}=true")))
        return out.decode(errors="surrogateescape").splitlines()

    def topics(self):
        """`TopicCommand --describe`: topic → (partitions, configs)."""
        out = java("org.apache.kafka.tools.TopicCommand",
                   "--bootstrap-server", self.bootstrap, "--describe").decode()
        return {found[1]: (int(found[2]), dict(pair.split("=", 1) for pair in found[3].split(",") if pair))
                for found in re.finditer(r"^Topic: (\S+)\t.*PartitionCount: (\d+)\t.*Configs: (\S*)", out, re.M)}

    def leaderless(self):
        out = java("org.apache.kafka.tools.TopicCommand",
                   "--bootstrap-server", self.bootstrap, "--describe").decode()
        return [line for line in out.splitlines() if "Leader: none" in line]


def kcat(*args, stdin=None, timeout=60):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run(["kcat", *map(str, args)], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False)
    if done.returncode != 0:
        raise KafkaError(f"kcat {args} ended {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def dump(*files, options=("--deep-iteration",)):
    """`DumpLogSegments` of files, as text."""
    return java("org.apache.kafka.tools.DumpLogSegments", *options,
                "--files", ",".join(map(str, files))).decode(errors="replace")
