"""The client libraries of many languages, each with the same script against Apache Kafka and against
`ottla serve`: what they write, read and find is the same."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import kafka
from kafka import Kafka
from record import same
from serve import Serve

SOURCES = kafka.HERE / "libraries"
INSTALLED = kafka.REPO / "tests/.cache/libraries"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BOTH = ("classic", "consumer")

# Kafka's own client, from the oldest that 4.x speaks with; the protocols of groups that each knows. The consumer protocol
# of 3.9 is a preview, which loses its assignment at times.
JAVA = {"2.1.1": ("classic",), "2.8.2": ("classic",), "3.9.1": ("classic",), "4.3.1": BOTH}

# Alike on both hosts. The brokers' settings for the consumer protocol are what clients set for the classic one.
SETTINGS = {
    "num.partitions": 3,  # of the topics that kcat makes by writing to them
    "group.initial.rebalance.delay.ms": 0,
    "group.consumer.session.timeout.ms": 6000,
    "group.consumer.min.session.timeout.ms": 6000,
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 60000,  # what a busy machine needs; nobody waits for it here
    "log.retention.ms": -1,
}


class Library(NamedTuple):
    name: str
    command: list
    protocols: tuple = ("classic",)


def libraries():
    for name, protocols in {"confluent": BOTH, "kafka_python": ("classic",), "aiokafka": ("classic",), "kcat": ("classic",)}.items():
        yield Library(name, [python_home() / "bin/python", "-B", SOURCES / f"python/with_{name}.py"], protocols=protocols)
    yield Library("kafkajs", ["node", node_home() / "with_kafkajs.js"])
    for name, protocols in {"franz": BOTH, "sarama": ("classic",), "kafka-go": ("classic",)}.items():
        yield Library(name, [go_home() / "libraries", name], protocols=protocols)
    yield Library("rdkafka", [rust_home() / "libraries"], protocols=BOTH)
    for version, protocols in JAVA.items():
        yield Library(f"java-{version}", ["java", *kafka.TOOL_JVM, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                         "-cp", f"{java_home()}:{java_home()}/{version}/*", "Library"], protocols=protocols)


def python_home():
    return installed("python", lambda home: (
        subprocess.run([sys.executable, "-m", "venv", home], check=True),
        subprocess.run([home / "bin/pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", SOURCES / "python/requirements.txt"], check=True)))


def node_home():
    return installed("node", lambda home: (
        shutil.copytree(SOURCES / "node", home),
        subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"], cwd=home, check=True)))


def go_home():
    return installed("go", lambda home: (
        home.mkdir(parents=True),
        subprocess.run(["go", "build", "-o", home / "libraries", "."], cwd=SOURCES / "go", check=True,
                       env={**os.environ, "GOTOOLCHAIN": "auto"})))  # franz-go asks for a recent one


def rust_home():
    """The crate builds its own librdkafka."""
    return installed("rust", lambda home: (
        home.mkdir(parents=True),
        subprocess.run(["cargo", "build", "--locked", "--quiet", "--manifest-path", SOURCES / "rust/Cargo.toml",
                        "--target-dir", home / "target"], check=True),
        shutil.move(home / "target/debug/libraries", home),
        shutil.rmtree(home / "target")))


def java_home():
    """Our class, and a directory of jars for each version."""
    def install(home):
        for version in JAVA:
            subprocess.run(["mvn", "--batch-mode", "--quiet", "--file", SOURCES / "java/pom.xml", f"-Dkafka.version={version}",
                            "dependency:copy-dependencies", f"-DoutputDirectory={home / version}"], check=True)
        subprocess.run(["javac", "--release", "11", "-cp", f"{home}/{min(JAVA)}/*", "-d", home, SOURCES / "java/Library.java"],
                       check=True)
    return installed("java", install)


def installed(language, install):
    """The directory in which the libraries of a language stand, once per version of our programs."""
    files = sorted((SOURCES / language).iterdir())
    version = hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()[:12]
    home = INSTALLED / f"{language}-{version}"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        INSTALLED.mkdir(parents=True, exist_ok=True)
        install(home)
        (home / "complete").touch()
    return home


def case_libraries_write_and_read_alike(work):
    """Every codec, keys, headers, times, idempotence; offsets by time; topics made and deleted."""
    on_both(work, {library.name: partial(scenario, library) for library in libraries()}, at_once=6)


def on_both(work, scripts, at_once, after=None):
    """Runs the scripts against Apache Kafka and against `ottla serve`, some at the same time; `after` gets what they return,
    by their names. Whatever fails is told."""
    theirs, ours = Kafka(work / "theirs", work / "kafka", SETTINGS), Serve(work / "ours", work / "serve", SETTINGS)
    with theirs.format(), ours.format(), ThreadPoolExecutor(at_once) as pool:
        running = {host: {name: pool.submit(script, host) for name, script in scripts.items()} for host in (theirs, ours)}
        failures = [f"{name} on {type(host).__name__}: {done.exception()!r}"
                    for host, scripts in running.items() for name, done in scripts.items() if done.exception()]
        assert not failures, "\n".join(failures)
        for host, scripts in running.items() if after else ():
            after(host, {name: done.result() for name, done in scripts.items()})
    ours.assert_content()


def scenario(library, host):
    prefix = f"of-{library.name}"
    done = subprocess.run([*map(str, library.command), "scenario", host.bootstrap, prefix], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    found = json.loads(done.stdout)
    assert sorted(found["read"]) == sorted(CODECS), found["read"].keys()
    for codec, lines in found["read"].items():
        same("written", by_kcat() if library.name == "kcat" else expected(), f"read back ({codec})", sorted(lines))
    assert found["offsets"] == {"earliest": [0] * 3, "latest": [100] * 3, "sought": [50] * 3}, found["offsets"]
    left = sorted(f"{prefix}-{codec}" for codec in CODECS) if library.name == "kcat" else []  # which cannot delete any
    assert (found["partitions"], found["left"]) == (3, left), (found["partitions"], found["left"])


def expected():
    """The records of the scenario, in the words of the programs."""
    lines = []
    for i in range(300):
        headers = f"h={str(i).encode().hex()},empty=" if i % 2 == 0 else ""
        lines.append(f"{i % 3} {i // 3} {1700000000000 + i * 1000} {content(i)} {headers}")
    return sorted(lines)


def by_kcat():
    """The same, those with headers before those without, which is all that is known of their times."""
    lines, ends = [], [0] * 3
    for time, parity, headers in (("early", 0, f"h={b'all'.hex()},empty="), ("late", 1, "")):
        for i in range(parity, 300, 2):
            lines.append(f"{i % 3} {ends[i % 3]} {time} {content(i)} {headers}")
            ends[i % 3] += 1
    return sorted(lines)


def content(i):
    """Key and value."""
    def shown(data):
        return "null" if data is None else data.encode().hex()
    return f"{shown(None if i % 14 == 0 else f'key-{i}')} {shown(None if i % 22 == 11 else f'value-{i}-' + 'x' * (i % 50))}"
