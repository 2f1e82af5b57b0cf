"""A record as every reader must see it, and what reads it from text."""

import base64
import json
from typing import NamedTuple


class Record(NamedTuple):
    """Null is `None`, never an empty string; headers keep order and repeats."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: str
    key: bytes | None
    value: bytes | None
    headers: tuple


def from_java(line):
    """A line of `Clients.java read`."""
    topic, partition, offset, timestamp, kind, _epoch, key, value, *headers = line.split("\t")
    return Record(topic, int(partition), int(offset), int(timestamp), kind,
                  unhex(key), unhex(value),
                  tuple((unhex(name).decode(), unhex(content))
                        for name, content in (header.split(":") for header in headers)))


def from_json(line):
    """A line of `ottla consume --json`."""
    object = json.loads(line)
    timestamp = object["timestamp"]
    return Record(object["topic"], object["partition"], object["offset"],
                  -1 if timestamp is None else timestamp, object["timestampType"], field(object, "key"), field(object, "value"),
                  tuple(header(each) for each in object.get("headers", ())))


def field(object, name):
    """`key` is text or null, `keyBase64` stands in for what is not UTF-8."""
    if object.get(name + "Base64") is not None:
        return base64.b64decode(object[name + "Base64"])
    text = object.get(name)
    return None if text is None else text.encode()


def header(given):
    """A pair, or an object where the name or the value is not UTF-8."""
    if isinstance(given, dict):
        return field(given, "name").decode(), field(given, "value")
    name, value = given
    return name, None if value is None else value.encode()


def to_json(key, value, headers=(), **more):
    """A line for `ottla produce --json`."""
    object = dict(more)
    for name, data in (("key", key), ("value", value)):
        put(object, name, data)
    object["headers"] = []
    for name, data in headers:
        member = {"name": name}
        put(member, "value", data)
        object["headers"].append(member)
    return json.dumps(object) + "\n"


def put(object, name, data):
    """Text where it is UTF-8, base64 where it is not."""
    try:
        object[name] = None if data is None else data.decode()
    except UnicodeDecodeError:
        object[name + "Base64"] = base64.b64encode(data).decode()


def unhex(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def tohex(data):
    return "-" if data is None else "x" + data.hex()


def differences(left_name, left, right_name, right):
    """Nothing where both hold the same records in each partition, or what differs first."""
    left, right = sorted(left), sorted(right)
    for i in range(max(len(left), len(right))):
        a = left[i] if i < len(left) else "nothing"
        b = right[i] if i < len(right) else "nothing"
        if a != b:
            return (f"{left_name} has {len(left)} records, {right_name} {len(right)}; "
                    f"the first that differ:\n  {left_name}: {a!r:.600}\n  {right_name}: {b!r:.600}")
    return None


def same(left_name, left, right_name, right):
    problem = differences(left_name, left, right_name, right)
    assert problem is None, problem
