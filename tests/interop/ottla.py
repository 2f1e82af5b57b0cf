"""Runs the `ottla` commands, the release build unless `OTTLA_BIN_DIR` names another."""

import os
import subprocess
import time
from pathlib import Path

import record

REPO = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("OTTLA_BIN_DIR", REPO / "target/release"))

DONE, FAILED, USAGE, DAMAGE, LOCKED = range(5)


class OttlaError(Exception):
    """A command ended otherwise than the case expected."""


def run(verb, location, *options, stdin=None, expect=DONE, timeout=120):
    """Runs `ottla VERB LOCATION OPTIONS`; the finished process, output as bytes."""
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    command = [BIN / f"ottla-{verb}", location, *map(str, options)]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)
    if done.returncode != expect:
        raise OttlaError(f"{' '.join(map(str, command))} ended {done.returncode}, expected {expect}:\n"
                         f"{done.stderr.decode(errors='replace')[-3000:]}")
    return done


def create(data, topic, partitions=1, **configs):
    """Creates a topic; `segment_bytes=1` stands for `segment.bytes=1`."""
    run("topics", f"{data}/{topic}", "--create", "--partitions", partitions,
        *(option for name, value in configs.items()
          for option in ("--config", f"{name.replace('_', '.')}={value}")))


def produce(data, topic, text, *options):
    return run("produce", f"{data}/{topic}", *options, stdin=text)


def consume(data, topic, *options):
    """Output as it is."""
    return run("consume", f"{data}/{topic}", *options).stdout


def records(data, topic, *options):
    """What `consume --json` prints."""
    return [record.from_json(line) for line in consume(data, topic, "--json", *options).splitlines()]


def start_produce(data, topic, *options, stdin=subprocess.PIPE):
    """A running `produce`, by default with a pipe to write into."""
    return subprocess.Popen([BIN / "ottla-produce", f"{data}/{topic}", *map(str, options)],
                            stdin=stdin, stderr=subprocess.PIPE)


def await_records(data, topic, count, timeout=30):
    """Waits until a topic has as many records, whatever becomes of their transactions."""
    deadline = time.monotonic() + timeout
    while (found := len(records(data, topic))) < count:
        assert time.monotonic() < deadline, f"{topic} has {found} records, expected {count}"
        time.sleep(0.05)
