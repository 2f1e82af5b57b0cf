"""`produce` killed at a random moment, many times over one directory; then Kafka opens it."""

import os
import random
import time

import agree
import ottla
import samples
from kafka import Kafka

RUNS = int(os.environ.get("OTTLA_CRASH_RUNS", "200"))


def case_produce_killed(work):
    """Each run's lines are a prefix of what it was given, whole and in order."""
    data = work / "data"
    seed = int(os.environ.get("OTTLA_SEED", random.randrange(1 << 32)))
    print(f"OTTLA_SEED={seed}")
    chance = random.Random(seed)
    ottla.create(data, "killed", segment_bytes=1 << 20, index_interval_bytes=1024)
    text = samples.lines(5000)
    lines = text.encode().splitlines()
    source = work / "text"
    kept = []
    for run in range(RUNS):
        source.write_text("".join(f"{run}:{line}\n" for line in text.splitlines()))
        with open(source, "rb") as given:
            process = ottla.start_produce(data, "killed", *chance.choice(
                ((), ("-z", "zstd"), ("--sync", "batch"), ("--sync", "none"), ("-z", "none"))), stdin=given)
            time.sleep(chance.random() ** 3 * 0.04)
            process.kill()
            process.communicate()
        if run % 20 == 19:
            kept = check(data, lines, kept)
    kept = check(data, lines, kept)
    with Kafka(data, work) as broker:
        assert [r.value for r in broker.read("killed")] == kept
        broker.assert_content()
    broker.assert_content()
    agree.dumps(data)


def check(data, lines, before):
    """The values in the log."""
    ottla.produce(data, "killed", "done\n")
    records = [line.split(b" ", 1) for line in ottla.consume(data, "killed", "-f", "%o %v\\n").splitlines()]
    values = [value for _, value in records]
    assert values[:len(before)] == before, "records that were there are gone"
    assert [int(offset) for offset, _ in records] == list(range(len(records))), "a gap in the offsets"
    place = {}
    for value in values:
        if value == b"done":
            continue
        run, line = value.split(b":", 1)
        at = place.get(run, 0)
        assert line == lines[at], f"run {run.decode()}, line {at}: {line!r:.80}"
        place[run] = at + 1
    return values


def case_transaction_killed(work):
    """All of a run's records become visible to committed readers, or none."""
    data = work / "data"
    seed = int(os.environ.get("OTTLA_SEED", random.randrange(1 << 32)))
    print(f"OTTLA_SEED={seed}")
    chance = random.Random(seed)
    ottla.create(data, "killed", partitions=3)
    source = work / "text"
    count = 5000
    for run in range(RUNS // 4):
        source.write_text("".join(f"{run}:{i}\n" for i in range(count)))
        with open(source, "rb") as given:
            process = ottla.start_produce(data, "killed", "--transaction", stdin=given)
            time.sleep(chance.random() ** 2 * 0.05)
            process.kill()
            process.communicate()
    ottla.produce(data, "killed", "done\n", "--transaction")
    check_whole(ottla.records(data, "killed", "--read-committed"), count)
    with Kafka(data, work) as broker:
        check_whole(broker.read("killed", isolation="read_committed"), count)
        agree.committed(broker, data, "killed")
        broker.assert_content()
    broker.assert_content()


def check_whole(records, count):
    seen = {}
    for r in records:
        run = r.value.split(b":")[0]
        seen[run] = seen.get(run, 0) + 1
    assert seen.pop(b"done") == 1
    assert all(found == count for found in seen.values()), seen
