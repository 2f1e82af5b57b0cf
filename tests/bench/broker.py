"""`ottla serve` beside Apache Kafka 4.3.1: the same librdkafka client on the same machine in one run.

Each figure is the median of the rounds; in each round both brokers get new topics of one partition.
Kafka runs with the options of its own start script, and has a round to warm up.
"""

import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

import kafka  # noqa: E402
import ottla  # noqa: E402
from kafka import Kafka  # noqa: E402
from serve import Serve  # noqa: E402

# What bin/kafka-server-start.sh of 4.3.1 sets.
JVM = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"]
TICKS = os.sysconf("SC_CLK_TCK")


class StockKafka(Kafka):
    """Started as people start it."""

    jvm = JVM


HOSTS = {"kafka": StockKafka, "ottla": Serve}


class Load:
    """Records of one size."""

    def __init__(self, name, size, count):
        self.name, self.size, self.count = name, size, count
        self.gigabytes = size * count / 1e9


class Size:
    def __init__(self, smoke):
        self.rounds = 1 if smoke else 5
        self.loads = [Load("100-byte", 100, 20_000 if smoke else 8_000_000),
                      Load("1 kB", 1000, 2_000 if smoke else 1_000_000)]
        self.series = 2 if smoke else 5  # of trips, on one broker
        self.trips = 200 if smoke else 20_000
        self.many_trips = 500 if smoke else 1_000_000
        self.starts = 1 if smoke else 5
        self.partitions = 20 if smoke else 1_000


def measure(smoke, row, cache):
    """Yields rows of the table; `row` makes one."""
    size = Size(smoke)
    client = compiled(cache)
    work = cache / "broker"
    shutil.rmtree(work, ignore_errors=True)
    hosts = {name: kind(work / f"{name}-data", work / name).format() for name, kind in HOSTS.items()}
    with hosts["kafka"], hosts["ottla"]:
        yield from throughput(size, client, hosts, row)
        memory = {name: host_memory(host) for name, host in hosts.items()}
        yield row("broker's largest resident set", f"{memory['ottla']:.0f} MiB", f"{memory['kafka']:.0f} MiB",
                  f"{memory['ottla'] / memory['kafka']:.3f} ×", "≤ 48 MiB", memory["ottla"] <= 48)
        yield from stalls(size, client, hosts["ottla"], row)
    yield from latency(size, client, work, row)
    yield from starts(size, work, row)
    shutil.rmtree(work, ignore_errors=True)


def compiled(cache):
    """The client, built with the C compiler and librdkafka of this machine."""
    program, source = cache / "client", HERE / "client.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source, "-lrdkafka", "-lpthread"],
                       check=True)
    return program


# Throughput.

def throughput(size, client, hosts, row):
    found = {(load.name, way, name): [] for load in size.loads for way in ("in", "out") for name in hosts}
    for turn in range(-1, size.rounds):
        for load in size.loads:
            for name, host in hosts.items():
                topic = f"load-{load.size}-{turn + 1}"
                create(host, topic)
                into = of_broker(host, [client, "produce", host.bootstrap, topic, load.count, load.size])
                out = of_broker(host, [client, "consume", host.bootstrap, topic, load.count])
                ottla.run("topics", f"kafka://{host.bootstrap}/{topic}", "--delete", "-q")
                if turn >= 0:
                    found[load.name, "in", name].append(into)
                    found[load.name, "out", name].append(out)
    for load in size.loads:
        for way, most in (("in", 1 / 3), ("out", 1)):
            ours, theirs = (middles(found[load.name, way, name]) for name in ("ottla", "kafka"))
            rates = [rate(load, seconds) for seconds, _ in (ours, theirs)]
            ratio = theirs[0] / ours[0]
            yield row(f"{load.name} records {way}", rates[0], rates[1], f"{ratio:.2f} × as fast", "≥ 1 ×", ratio >= 1)
            costs = [cpu / load.gigabytes for _, cpu in (ours, theirs)]
            ratio = costs[0] / costs[1] if costs[1] else 0
            yield row(f"{load.name} records {way}, CPU time of the broker for a GB", f"{costs[0]:.2f} s", f"{costs[1]:.2f} s",
                      f"{ratio:.2f} ×", f"≤ {most:.2g} ×", ratio <= most)


def create(host, topic, partitions=1):
    ottla.run("topics", f"kafka://{host.bootstrap}/{topic}", "--create", "-q", "--partitions", partitions,
              "--config", "file.delete.delay.ms=100")


def of_broker(host, command):
    """(seconds that the client measured, CPU time that the broker spent meanwhile)"""
    before = cpu_seconds(host.process.pid)
    seconds = float(output(command).split()[0])
    time.sleep(0.2)  # what it does behind the last answer is its work too
    return seconds, cpu_seconds(host.process.pid) - before


def rate(load, seconds):
    megabytes = load.gigabytes * 1e3 / seconds
    return f"{load.count / seconds / 1e6:.2f} M/s" if load.size < 1000 else f"{megabytes:.0f} MB/s"


def middles(pairs):
    return [statistics.median(column) for column in zip(*pairs)]


# Latency.

def latency(size, client, work, row):
    """One record after the other, there and back through the same process: the first after a start, and some later."""
    first, later = {name: [] for name in HOSTS}, {name: [] for name in HOSTS}
    for turn in range(size.rounds):
        for name, kind in HOSTS.items():
            host = kind(work / f"trips-{name}-{turn}", work / f"trips-{name}").format()
            with host:
                for number in range(size.series):
                    create(host, f"trips-{number}")
                    times = trips(client, host, f"trips-{number}", size.trips)
                    if number == 0:
                        first[name].append(times)
                later[name].append(times)
    ours, theirs = (middles(first[name]) for name in ("ottla", "kafka"))
    for at, (what, most) in {0: ("average", 0.55), 2: ("p99", 0.2), 3: ("p99.9", 0.25)}.items():
        ratio = ours[at] / theirs[at]
        yield row(f"end to end, the first {size.trips:,} trips after a start, {what}", milliseconds(ours[at]), milliseconds(theirs[at]),
                  f"{ratio:.2f} ×", f"≤ {most} ×", ratio <= most)
    ours, theirs = (middles(later[name]) for name in ("ottla", "kafka"))
    for at, what in {0: "average", 2: "p99", 3: "p99.9"}.items():
        yield row(f"end to end, after {(size.series - 1) * size.trips:,} trips, {what}", milliseconds(ours[at]), milliseconds(theirs[at]),
                  f"{ours[at] / theirs[at]:.2f} ×", "", True)


def milliseconds(micros):
    return f"{micros / 1e3:.3f} ms"


def trips(client, host, topic, count):
    return [float(each) for each in output([client, "trips", host.bootstrap, topic, count]).split()]


def stalls(size, client, host, row):
    """The longest of a million trips, beside as many of a bare loopback connection before and after."""
    echo = ([float(each) for each in output([client, "echo", size.many_trips]).split()] for _ in range(2))
    first = next(echo)
    create(host, "stalls")
    ours = trips(client, host, "stalls", size.many_trips)
    machine = [max(pair) for pair in zip(first, next(echo))]
    # A broker's own stall would stand far above what the machine does to anybody.
    bound = max(10 * machine[4], 50_000)
    yield row(f"the longest of {size.many_trips:,} trips; a loopback echo", f"{ours[4] / 1e3:.1f} ms", f"{machine[4] / 1e3:.1f} ms",
              f"p99.9 {ours[3] / 1e3:.2f} ms", "no stall", ours[4] <= bound)


# Starting.

def starts(size, work, row):
    """From the start of the program until a client gets an answer."""
    for what, partitions, most in (("empty", 0, 0.01), (f"{size.partitions:,} partitions", size.partitions, 0.1)):
        times = {name: [] for name in HOSTS}
        for name, kind in HOSTS.items():
            data = work / f"start-{name}-{partitions}"
            port = kafka.free_port()
            host = kind(data, work / f"start-{name}", port=port).format()
            if partitions:
                with host:
                    create(host, "many", partitions)
            for _ in range(size.starts):
                times[name].append(ready(host, port))
                host.stop()
        ours, theirs = (statistics.median(times[name]) for name in ("ottla", "kafka"))
        yield row(f"ready to answer, {what}", f"{ours * 1e3:.1f} ms", f"{theirs:.2f} s", f"{ours / theirs:.4f} ×",
                  f"≤ {most} ×", ours / theirs <= most)


def ready(host, port):
    """Kafka's port answers before it serves: its log says when it does."""
    begun = time.perf_counter()
    if isinstance(host, Serve):
        host.start()
    else:
        host.launch()
        while "Kafka Server started" not in host.log():
            time.sleep(0.005)
    taken = time.perf_counter() - begun
    api_versions(port)
    return taken


def api_versions(port):
    """Asks for them, and waits for the answer."""
    request = struct.pack(">hhih", 18, 0, 7, -1)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(8)
    if answer[4:8] != struct.pack(">i", 7):
        sys.exit(f"port {port} answers {answer!r}")


# Processes.

def output(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"failed ({done.returncode}): {' '.join(map(str, command))}")
    return done.stdout.decode()


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def host_memory(host):
    for line in Path(f"/proc/{host.process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0
