"""A fresh directory by Kafka and clients of three kinds (librdkafka, Java, franz-go): what
`ottla inspect … --json` prints is what `DumpLogSegments` prints, all of it."""

import json
import re
import subprocess

import kafka
import ottla
from cases import we_read_kafkas
from kafka import Kafka
from record import same

DECODERS = {
    "__consumer_offsets": "--offsets-decoder",
    "__transaction_state": "--transaction-log-decoder",
    "__share_group_state": "--share-group-state-decoder",
    "__cluster_metadata": "--cluster-metadata-decoder",
}
# What begins a line about a batch, a record or an entry; values hold newlines.
START = re.compile(r"\n(?=baseOffset: |\| offset: |offset: |timestamp: |version: |producerId: )")


def case_all_of_it_is_kafkas_dump(work):
    data = work / "data"
    broker = Kafka(data, work).format()
    with broker:
        we_read_kafkas.fill(broker)
        subprocess.run([kafka.go_client(), broker.bootstrap], check=True, timeout=120)
        kafka.java("Clients", "group", broker.bootstrap, "java-group", "java-none", 0, 7)
        kafka.kcat("-b", broker.bootstrap, "-G", "kcat-group", "kcat-none", "-c", "10",
                   "-X", "auto.offset.reset=earliest")
    compared = {kind: 0 for kind in ("log", "index", "timeindex", "txnindex", "snapshot")}
    directories = sorted(path for path in data.iterdir() if path.is_dir())
    assert len(directories) > 20, directories
    for directory in directories:
        for kind in compared:
            files = sorted(directory.glob(f"*.{kind}"))
            theirs = dumped(directory, files)
            ours = inspected(directory, kind)
            same(f"DumpLogSegments of {directory.name}, .{kind}", theirs, "ottla inspect", ours)
            compared[kind] += len(ours)
    assert compared["log"] > 70_000 and all(compared.values()), compared


def dumped(directory, files):
    """The lines of Kafka's dump about entries, those of internal topics with JSON as objects."""
    if not files:
        return []
    decoder = DECODERS.get(directory.name.rpartition("-")[0])
    options = ["--deep-iteration", decoder or "--print-data-log"]
    out = kafka.dump(*files, options=options).split("Non-consecutive offsets in")[0]
    lines = START.split(out)
    wanted = []
    for line in lines:
        # What stands before the first entry of each file.
        line = re.sub(r"\n(Dumping .*|Log starting offset: .*|.* is empty\.)(?=\n|$)", "", line)
        line = line.removesuffix("\n")
        if not re.match(r"Dumping |.* is empty\.$", line):
            wanted.append(comparable(line, decoder))
    return wanted


def comparable(line, decoder):
    """Numbers and spaces in JSON are written in more than one way."""
    if not decoder:
        return line
    start, _, payload = line.partition(" payload: ")
    start, _, key = start.partition(" key: ")
    return start, parsed(key), parsed(payload)


def parsed(text):
    return json.loads(text) if text.startswith("{") else text


def inspected(directory, kind):
    def lines(what):
        found = [json.loads(line) for line in run(what, directory)]
        return [line for line in found if line["file"].endswith(f".{kind}")]

    if kind == "snapshot":
        return [producer(each) for file in lines("snapshot") for each in file["producers"]]
    if kind != "log":
        return [entry(line) for line in lines("index")]
    decoder = DECODERS.get(directory.name.rpartition("-")[0])
    records = {}
    for record in lines("records"):
        records.setdefault((record["file"], record["position"]), []).append(record_line(record))
    shown = []
    for batch in lines("batches"):
        shown.append(batch_line(batch))
        shown += records.pop((batch["file"], batch["position"]), [])
    assert not records, "records of no batch"
    return [comparable(line, decoder) for line in shown]


def run(what, directory):
    done = subprocess.run([ottla.BIN / "ottla-inspect", what, directory, "--json"],
                          stdout=subprocess.PIPE, check=True, timeout=120)
    return done.stdout.decode().splitlines()


def number(value):
    return -1 if value is None else value


def optional(value):
    return "OptionalLong.empty" if value is None else f"OptionalLong[{value}]"


def boolean(value):
    return "true" if value else "false"


def batch_line(it):
    return (f"baseOffset: {it['baseOffset']} lastOffset: {it['lastOffset']} count: {it['count']} "
            f"baseSequence: {number(it['baseSequence'])} lastSequence: {number(it['lastSequence'])} "
            f"producerId: {number(it['producerId'])} producerEpoch: {number(it['producerEpoch'])} "
            f"partitionLeaderEpoch: {number(it['leaderEpoch'])} "
            f"isTransactional: {boolean(it['transactional'])} isControl: {boolean(it['control'])} "
            f"deleteHorizonMs: {optional(it['deleteHorizon'])} position: {it['position']} "
            f"{it['timestampType']}: {number(it['maxTimestamp'])} size: {it['size']} "
            f"magic: {it['magic']} compresscodec: {it['codec']} crc: {it['crc']} "
            f"isvalid: {boolean(it['crcValid'])}")


def text(it, name):
    """A key or value as Java reads bytes as text."""
    if f"{name}Base64" in it:
        import base64
        return base64.b64decode(it[f"{name}Base64"]).decode(errors="replace")
    value = it[name]
    return json.dumps(value) if isinstance(value, dict) else value


def record_line(it):
    names = ",".join(header[0] if isinstance(header, list) else header["name"]
                     for header in it["headers"])
    line = (f"| offset: {it['offset']} {it['timestampType']}: {number(it['timestamp'])} "
            f"keySize: {number(it['keySize'])} valueSize: {number(it['valueSize'])} "
            f"sequence: {number(it['sequence'])} headerKeys: [{names}]")
    assert "problem" not in it, it
    kind, value = it["controlType"], it["value"] if it["controlType"] else None
    if kind in ("ABORT", "COMMIT"):
        return f"{line} endTxnMarker: {kind} coordinatorEpoch: {value['coordinatorEpoch']}"
    if kind:
        colon = ":" if kind == "LeaderChange" else ""
        return f"{line} {kind}{colon} {json.dumps(value, separators=(',', ':'))}"
    key, value = text(it, "key"), text(it, "value")
    if key is not None:
        line += f" key: {key}"
    if value is not None:
        line += f" payload: {value}"
    elif isinstance(it.get("key"), dict):
        line += " payload: <DELETE>"
    return line


def entry(it):
    if it["kind"] == "offset":
        return f"offset: {it['offset']} position: {it['position']}"
    if it["kind"] == "time":
        return f"timestamp: {it['timestamp']} offset: {it['offset']}"
    return (f"version: 0 producerId: {it['producerId']} firstOffset: {it['firstOffset']} "
            f"lastOffset: {it['lastOffset']} lastStableOffset: {it['lastStableOffset']}")


def producer(it):
    line = (f"producerId: {it['producerId']} producerEpoch: {number(it['producerEpoch'])} "
            f"coordinatorEpoch: {number(it['coordinatorEpoch'])} "
            f"currentTxnFirstOffset: {optional(it['currentTxnFirstOffset'])} "
            f"lastTimestamp: {number(it['timestamp'])}")
    if it["lastOffset"] is not None:
        line += (f" firstSequence: {number(it['firstSequence'])} "
                 f"lastSequence: {number(it['lastSequence'])} lastOffset: {it['lastOffset']} "
                 f"offsetDelta: {it['offsetDelta']} timestamp: {number(it['timestamp'])}")
    return line
