"""What the cases write: awkward records, plain text, and the golden directory."""

import base64
import random
import subprocess
from pathlib import Path

import record

REPO = Path(__file__).resolve().parent.parent.parent
GOLDEN = REPO / "testdata/kafka-4.3.1-logs"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

# (key, value, headers)
AWKWARD = [
    (None, b"no key", ()),
    (b"", b"empty key", ()),
    (b"k", b"", ()),
    (b"gone", None, ()),
    (None, None, ()),
    (b"\x00\xff\xfe", b"\x80\x81 not UTF-8 \xff\n and a newline", ()),
    ("schlüssel".encode(), "größe 漢字 🦦".encode(), ()),
    (b"h", b"headers", (("trace", b"a"), ("trace", b"b"), ("empty", b""), ("null", None),
                        ("binary", b"\x00\x01\xff"), ("", b"empty name"), ("ünï", b"name"))),
    (b"t\tab", b'quote " backslash \\ \x01 \x7f', (("a b", b"c,d=e"),)),
    (b"big", bytes(i * 7 % 251 for i in range(70_000)), ()),
]


def lines(count, seed=1, prefix=""):
    """Log text that compresses as log text does; always the same for a seed."""
    chance = random.Random(seed)
    words = [f"{chance.choice('bcdfgkmnprstv')}{chance.choice('aeiou')}{chance.choice('lmnrs')}"
             for _ in range(200)]
    return "".join(f"{prefix}{i:08} {chance.choice(('INFO', 'WARN', 'DEBUG'))} "
                   f"user={chance.randrange(10_000)} {' '.join(chance.choices(words, k=8))}\n"
                   for i in range(count))


def awkward_json(repeat=1, **more):
    """The awkward records as input for `produce --json`."""
    return "".join(record.to_json(*each, **more) for _ in range(repeat) for each in AWKWARD)


def unpack(name, target):
    """One of the golden directories (`clean`, `unclean`) in `target`."""
    target.mkdir(parents=True)
    subprocess.run(["tar", "--zstd", "-xSf", GOLDEN / f"{name}.tar.zst", "-C", target], check=True)
    return target


def topics_in(data):
    """topic → partition directories, from the names alone."""
    found = {}
    for path in sorted(Path(data).iterdir()):
        topic, dash, partition = path.name.rpartition("-")
        if path.is_dir() and dash and partition.isdigit() and not topic.startswith("__"):
            found.setdefault(topic, []).append(path)
    return found


def noise(size, seed):
    """One line of so many characters that do not repeat."""
    return base64.b64encode(random.Random(seed).randbytes(size * 3 // 4)).decode()
