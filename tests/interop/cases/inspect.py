"""A fresh directory by Kafka and clients of three kinds (librdkafka, Java, franz-go): what
`ottla inspect … --json` prints is what `DumpLogSegments` prints, all of it."""

import base64
import json
import re
import subprocess
from pathlib import Path

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
KINDS = ("log", "index", "timeindex", "txnindex", "snapshot")
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
    theirs = dumped(data)
    ours = inspected(data)
    assert sorted(theirs) == sorted(ours), (sorted(theirs), sorted(ours))
    compared = {}
    for path in sorted(theirs):
        same(f"DumpLogSegments of {path}", theirs[path], "ottla inspect", ours[path])
        compared[path.suffix] = compared.get(path.suffix, 0) + len(ours[path])
    assert compared[".log"] > 70_000, compared
    assert all(compared[f".{kind}"] for kind in KINDS), compared


def dumped(data):
    """path → the lines of Kafka's dump about its entries; those of internal topics taken apart."""
    groups = {}
    for path in sorted(path for kind in KINDS for path in data.glob(f"*-*/*.{kind}")):
        decoder = DECODERS.get(path.parent.name.rpartition("-")[0])
        groups.setdefault(decoder or "--print-data-log", []).append(path)
    found = {}
    for option, files in groups.items():
        out = kafka.dump(*files, options=["--deep-iteration", option])
        for section in re.split(r"^Dumping ", out, flags=re.M)[1:]:
            path, _, text = section.partition("\n")
            text = text.split("Non-consecutive offsets in")[0]
            text = re.sub(r"^Log starting offset: .*\n|^.* is empty\.\n", "", text)
            lines = START.split(text.removesuffix("\n")) if text else []
            if lines:
                path = Path(path)
                found[path] = [comparable(line, path) for line in lines]
    return found


def inspected(data):
    """The same from the JSON of `ottla inspect`."""
    found = {}
    records = {}
    for record in run("records", data):
        records.setdefault((where(data, record), record["position"]), []).append(record_line(record))
    for batch in run("batches", data):
        path = where(data, batch)
        lines = [batch_line(batch), *records.pop((path, batch["position"]), [])]
        found.setdefault(path, []).extend(comparable(line, path) for line in lines)
    assert not records, "records of no batch"
    for index in run("index", data):
        found.setdefault(where(data, index), []).append(entry(index))
    for snapshot in run("snapshot", data):
        for each in snapshot.get("producers", []):
            found.setdefault(where(data, snapshot), []).append(producer(each))
    return found


def where(data, line):
    return data / f"{line['topic']}-{line['partition']}" / line["file"]


def comparable(line, path):
    """Numbers and spaces in JSON are written in more than one way."""
    if path.suffix != ".log" or path.parent.name.rpartition("-")[0] not in DECODERS:
        return line
    start, _, payload = line.partition(" payload: ")
    start, _, key = start.partition(" key: ")
    return start, parsed(key), parsed(payload)


def parsed(text):
    return json.loads(text) if text.startswith("{") else text


def run(what, place):
    done = subprocess.run([ottla.BIN / "ottla-inspect", what, place, "--json"],
                          stdout=subprocess.PIPE, check=True, timeout=120)
    return map(json.loads, done.stdout.decode().splitlines())


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
