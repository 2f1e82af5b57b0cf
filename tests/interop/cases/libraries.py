"""The client libraries of many languages, each with the same script against Apache Kafka and against
`ottla serve`: what they write, read and find is the same."""

import hashlib
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import kafka
from kafka import Kafka
from record import same
from serve import Serve

SOURCES = kafka.HERE / "libraries"
INSTALLED = kafka.REPO / "tests/.cache/libraries"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def libraries():
    """Name, the command, the codecs that it has."""
    for name in ("confluent", "kafka_python", "aiokafka"):
        yield name, [python_home() / "bin/python", "-B", SOURCES / f"python/with_{name}.py"], CODECS
    yield "kafkajs", ["node", node_home() / "with_kafkajs.js"], CODECS[:3]
    for name in ("franz", "sarama", "kafka-go"):
        yield name, [go_home() / "libraries", name], CODECS


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
        subprocess.run(["go", "build", "-o", home / "libraries", "."], cwd=SOURCES / "go", check=True)))


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
    on_both(work, scenario)


def on_both(work, script):
    every = list(libraries())
    for host in (Kafka(work / "theirs", work / "kafka"), Serve(work / "ours", work, {"group.initial.rebalance.delay.ms": 0,
                                                                                   "log.retention.ms": -1})):
        host.format()
        with host, ThreadPoolExecutor(len(every)) as pool:
            running = [(each[0], pool.submit(script, host, *each)) for each in every]
            failures = [f"{name} on {type(host).__name__}: {done.exception()!r}" for name, done in running if done.exception()]
            assert not failures, "\n".join(failures)
        if isinstance(host, Serve):
            host.assert_content()


def scenario(host, name, command, codecs):
    done = subprocess.run([*map(str, command), "scenario", host.bootstrap, f"of-{name}"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    found = json.loads(done.stdout)
    assert sorted(found["read"]) == sorted(codecs), found["read"].keys()
    for codec, lines in found["read"].items():
        same("written", expected(), f"read back ({codec})", sorted(lines))
    assert found["offsets"] == {"earliest": [0] * 3, "latest": [100] * 3, "sought": [50] * 3}, found["offsets"]
    assert (found["partitions"], found["left"]) == (3, []), (found["partitions"], found["left"])


def expected():
    """The records of the scenario, in the words of the programs."""
    def shown(data):
        return "null" if data is None else data.encode().hex()
    lines = []
    for i in range(300):
        key = None if i % 14 == 0 else f"key-{i}"
        value = None if i % 22 == 11 else f"value-{i}-" + "x" * (i % 50)
        headers = f"h={str(i).encode().hex()},empty=" if i % 2 == 0 else ""
        lines.append(f"{i % 3} {i // 3} {1700000000000 + i * 1000} {shown(key)} {shown(value)} {headers}")
    return sorted(lines)
