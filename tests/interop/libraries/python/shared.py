"""What the libraries of Python share: the records of the scenario, and how they are told."""

import json
import signal
import sys
import time

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 3
RECORDS = 300
FIRST_TIME = 1700000000000
SOUGHT = FIRST_TIME + 150_000


def records():
    """(partition, key, value, headers, timestamp) of each record."""
    for i in range(RECORDS):
        yield (i % PARTITIONS,
               None if i % 14 == 0 else b"key-%d" % i,
               None if i % 22 == 11 else b"value-%d-" % i + b"x" * (i % 50),
               [("h", b"%d" % i), ("empty", b"")] if i % 2 == 0 else [],
               FIRST_TIME + i * 1000)


def now():
    """Milliseconds, as in records."""
    return time.time_ns() // 1_000_000


def line(partition, offset, timestamp, key, value, headers):
    """A record that was read, in the words of all libraries."""
    told = ",".join(f"{name}={(data or b'').hex()}" for name, data in headers or [])
    return f"{partition} {offset} {timestamp} {shown(key)} {shown(value)} {told}"


def shown(data):
    return "null" if data is None else data.hex() or "empty"


def left(prefix, listed):
    """The topics of that prefix that are left. A broker may learn a little later than the controller that they are gone."""
    for _ in range(300):
        time.sleep(0.1)
        names = [topic for topic in listed() if topic.startswith(f"{prefix}-")]
        if not names:
            break
    return names


def tell(**found):
    """One JSON object, which ends the scenario."""
    print(json.dumps(found), flush=True)


def got(partition, offset):
    """A member has got a record."""
    print(f"{partition} {offset}", flush=True)


def complain(error):
    """What a member lives through: most often a partition is not its own any more, and another goes on."""
    print(error, file=sys.stderr, flush=True)


class Stopping:
    """Becomes true with SIGTERM."""

    def __init__(self):
        self.now = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.now = True


def run(scenario, member):
    what, *args = sys.argv[1:]
    {"scenario": scenario, "member": member}[what](*args)
