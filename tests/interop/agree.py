"""Every reader of Kafka's against `ottla consume`, record for record."""

import re
from pathlib import Path

import kafka
import ottla
import samples
from record import same

# The first thing `DumpLogSegments` says about an index or a batch that is wrong.
TROUBLE = re.compile(r"mismatch|out of order|invalid|corrupt|isvalid: false|Exception|Found ", re.I)


def clients(broker, data, topics):
    """Kafka's consumer and kcat."""
    theirs = broker.read_each(topics)
    for topic in topics:
        ours = ottla.records(data, topic)
        same("Kafka's consumer", theirs[topic], "ottla consume", ours)
        same("kcat", broker.kcat_read(topic), "ottla consume", bare(ours))


def committed(broker, data, topic):
    """The same with open and aborted transactions hidden."""
    ours = ottla.records(data, topic, "--read-committed")
    same("Kafka's consumer, committed", broker.read(topic, isolation="read_committed"),
         "ottla consume --read-committed", ours)
    same("kcat, committed", broker.kcat_read(topic, isolation="read_committed"),
         "ottla consume --read-committed", bare(ours))


def bare(records):
    """What kcat can tell of them."""
    return [(r.partition, r.offset, r.timestamp, r.key, r.value) for r in records]


def console(broker, data, topic):
    """The console consumer; the topic must hold texts without a newline only."""
    def text(data):
        return "null" if data is None else data.decode()
    ours = [f"{r.timestamp_type}:{r.timestamp}\tPartition:{r.partition}\tOffset:{r.offset}\t"
            f"{text(r.key)}\t{text(r.value)}" for r in ottla.records(data, topic)]
    same("the console consumer", broker.console_read(topic, len(ours)), "ottla consume", ours)


def dumps(data, topics=None):
    """`DumpLogSegments`: each record as `ottla consume` has it, each index and snapshot sound."""
    directories = {directory: topic for topic, found in samples.topics_in(data).items()
                   if topics is None or topic in topics for directory in found}
    dumped = dump_records(files(directories, "log"))
    for directory, topic in directories.items():
        ours = [(r.offset, r.timestamp_type, r.timestamp, length(r.key), length(r.value),
                 [name for name, _ in r.headers])
                for r in ottla.records(data, directory.name)]
        same(f"DumpLogSegments of {directory.name}", dumped.get(directory, []), "ottla consume", ours)
    indexes = files(directories, "index", "timeindex")
    for options in (["--index-sanity-check"], ["--verify-index-only"]):
        sound(kafka.dump(*indexes, options=options), passed="passed sanity check")
    sound(kafka.dump(*indexes, *files(directories, "txnindex", "snapshot")))


def files(directories, *endings):
    return [path for directory in directories for path in sorted(directory.iterdir())
            if path.suffix.lstrip(".") in endings]


def dump_records(logs):
    """directory → (offset, timestamp type, timestamp, key size, value size, header names) of each
    record that is not a control record."""
    found = {}
    for line in sound(kafka.dump(*logs)):
        if line.startswith("Dumping "):
            directory = Path(line.removeprefix("Dumping ")).parent
        elif line.startswith("baseOffset: "):
            control = "isControl: true" in line
        elif (record := RECORD.match(line)) and not control:
            headers = record[6].split(",") if record[6] else []
            found.setdefault(directory, []).append(
                (int(record[1]), record[2], int(record[3]), int(record[4]), int(record[5]), headers))
    return found


def sound(out, passed=None):
    """The lines of a dump that says nothing is wrong."""
    lines = out.splitlines()
    trouble = [line for line in lines if TROUBLE.search(line) and not line.startswith("|")
               and not (passed and passed in line)]
    assert not trouble, trouble[:5]
    return lines


RECORD = re.compile(r"\| offset: (\d+) (CreateTime|LogAppendTime): (-?\d+) keySize: (-?\d+) "
                    r"valueSize: (-?\d+) .*?headerKeys: \[(.*?)\]")


def length(data):
    return -1 if data is None else len(data)
