"""Message sets of magic 0 and 1, as brokers before 0.11 wrote them, beside batches of today."""

import gzip
import struct
import zlib

import agree
import ottla
from kafka import Kafka
from record import same


def case_old_segments(work):
    data = work / "data"
    ottla.create(data, "old")
    ottla.produce(data, "old", "".join(f"new {i}\n" for i in range(5)))
    # The records of today move behind three segments of old ones, as after upgrades.
    log = data / "old-0/00000000000000000000.log"
    today = log.read_bytes()
    first = []
    first += [message(0, 0, b"k0", b"v0"), message(1, 0, None, b"no key"), message(2, 0, b"gone", None)]
    first += [wrapper(5, 0, [message(i, 0, b"z%d" % i, b"packed %d" % i) for i in (3, 4, 5)])]
    second = [message(6, 1, b"k6", b"v6", 1_400_000_000_000), message(7, 1, b"", b"", 1_400_000_001_000)]
    second += [wrapper(10, 1, [message(i, 1, b"y%d" % i, b"packed %d" % i, 1_400_000_002_000 + i)
                               for i in (0, 1, 2)], 1_400_000_002_002)]
    (data / "old-0/00000000000000000000.log").write_bytes(b"".join(first))
    segment(data, 6, b"".join(second))
    segment(data, 11, struct.pack(">q", 11) + today[8:])
    for name in ("00000000000000000000.timeindex", "00000000000000000005.snapshot"):
        (data / "old-0" / name).unlink(missing_ok=True)
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
        (data / name).unlink(missing_ok=True)

    ours = ottla.records(data, "old")
    assert [r.offset for r in ours] == list(range(16)), ours
    assert [r.value for r in ours[:6]] == [b"v0", b"no key", None, b"packed 3", b"packed 4", b"packed 5"]
    assert [r.timestamp for r in ours[:7]] == [-1] * 6 + [1_400_000_000_000], ours
    assert (ours[8].key, ours[8].timestamp) == (b"y0", 1_400_000_002_000), ours[8]
    ottla.produce(data, "old", "and on\n")
    ours = ottla.records(data, "old")
    assert (ours[-1].offset, ours[-1].value) == (16, b"and on")
    with Kafka(data, work) as broker:
        same("Kafka's consumer", [untyped(r) for r in broker.read("old")],
             "ottla consume", [untyped(r) for r in ours])
        # librdkafka shows no timestamp as 0.
        same("kcat", broker.kcat_read("old"), "ottla consume",
             agree.bare(r._replace(timestamp=max(r.timestamp, 0)) for r in ours))
        broker.assert_content()


def untyped(record):
    """Readers differ in the name for having no timestamp."""
    return record._replace(timestamp_type="") if record.timestamp == -1 else record


def segment(data, base, bytes):
    stem = data / f"old-0/{base:020}"
    stem.with_suffix(".log").write_bytes(bytes)
    stem.with_suffix(".index").touch()
    stem.with_suffix(".timeindex").touch()


def message(offset, magic, key, value, timestamp=-1, codec=0):
    """offset i64, size i32, crc u32, magic i8, attributes i8, [timestamp i64,] key, value."""
    body = struct.pack(">bb", magic, codec) + (struct.pack(">q", timestamp) if magic == 1 else b"")
    for part in (key, value):
        body += struct.pack(">i", -1) if part is None else struct.pack(">i", len(part)) + part
    return struct.pack(">qiI", offset, 4 + len(body), zlib.crc32(body)) + body


def wrapper(offset, magic, inner, timestamp=-1):
    """A gzip message that holds messages: inner offsets are absolute in magic 0, relative in 1."""
    return message(offset, magic, None, gzip.compress(b"".join(inner)), timestamp, codec=1)
