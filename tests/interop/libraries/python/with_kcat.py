"""kcat, which is a program. It makes topics only by writing to them, cannot delete them, and gives a time of its own to
what it writes, and the same headers to all of it."""

import json
import os
import subprocess
import time

import shared


def scenario(bootstrap, prefix):
    topics = [f"{prefix}-{codec}" for codec in shared.CODECS]
    sought = [write(bootstrap, codec, topic) for codec, topic in zip(shared.CODECS, topics)]
    read = {codec: lines(bootstrap, topic, middle) for codec, topic, middle in zip(shared.CODECS, topics, sought)}
    offsets = {name: [offset(bootstrap, topics[0], number, at) for number in range(shared.PARTITIONS)]
               for name, at in {"earliest": -2, "latest": -1, "sought": sought[0]}.items()}
    [described] = listed(bootstrap, "-t", topics[0])
    left = [each["topic"] for each in listed(bootstrap) if each["topic"].startswith(f"{prefix}-")]
    shared.tell(read=read, offsets=offsets, partitions=len(described["partitions"]), left=sorted(left))


def write(bootstrap, codec, topic):
    """First those with headers, then those without; the time between the two."""
    for headers in (["-H", "h=all", "-H", "empty="], []):
        middle = shared.now()
        time.sleep(0.01)
        for number in range(shared.PARTITIONS):
            text = b"".join(b"%b:%b\n" % (key or b"", value or b"") for partition, key, value, given, _ in shared.records()
                            if partition == number and bool(given) == bool(headers))
            kcat(bootstrap, "-P", "-t", topic, "-p", number, "-K", ":", "-Z", "-z", codec, *headers,
                 "-X", "enable.idempotence=true", text=text)
        time.sleep(0.01)
    return middle


def lines(bootstrap, topic, middle):
    """As the other libraries tell them; of the time, on which side of `middle` it is."""
    told = []
    out = kcat(bootstrap, "-C", "-t", topic, "-e", "-q", "-o", "beginning", "-J").splitlines()
    for each in map(json.loads, out):
        headers = each.get("headers", [])
        key, value = (None if each[name] is None else each[name].encode() for name in ("key", "payload"))
        told.append(shared.line(each["partition"], each["offset"], "late" if each["ts"] > middle else "early", key, value,
                                [(name, data.encode()) for name, data in zip(headers[::2], headers[1::2])]))
    return sorted(told)


def offset(bootstrap, topic, number, at):
    # "of-kcat-none [0] offset 50"
    return int(kcat(bootstrap, "-Q", "-t", f"{topic}:{number}:{at}").split()[-1])


def listed(bootstrap, *options):
    return json.loads(kcat(bootstrap, "-L", "-J", *options))["topics"]


def kcat(bootstrap, *options, text=b""):
    return subprocess.run(["kcat", "-b", bootstrap, *map(str, options)], input=text, stdout=subprocess.PIPE, check=True).stdout


def member(bootstrap, group, topic, _protocol):
    settings = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 200}
    os.execvp("kcat", ["kcat", "-b", bootstrap, "-G", group, "-q", "-u", "-f", "%p %o\n",
                       *(part for name, value in settings.items() for part in ("-X", f"{name}={value}")), topic])


shared.run(scenario, member)
