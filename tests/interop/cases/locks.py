"""Who holds the directory, both ways round."""

import ottla
from kafka import Kafka, KafkaError


def case_kafka_holds(work):
    data = work / "data"
    ottla.produce(data, "held", "one\n")
    with Kafka(data, work) as broker:
        for verb, location, options in (("produce", "held", ()), ("produce", "new-topic", ()),
                                        ("topics", "made", ("--create",)),
                                        ("topics", "held", ("--delete",))):
            done = ottla.run(verb, f"{data}/{location}", *options, stdin="two\n", expect=ottla.LOCKED)
            said = done.stderr.decode()
            assert ".lock" in said or "lock" in said, said
            assert str(data) in said, said
        # Readers need no lock.
        assert ottla.consume(data, "held") == b"one\n"
        broker.kcat_write("held", "by Kafka\n")
        assert ottla.consume(data, "held") == b"one\nby Kafka\n"
        broker.assert_content()
    ottla.produce(data, "held", "three\n")
    assert ottla.consume(data, "held") == b"one\nby Kafka\nthree\n"


def case_ottla_holds(work):
    data = work / "data"
    ottla.produce(data, "held", "one\n")
    process = ottla.start_produce(data, "held")
    process.stdin.write(b"two\n")
    process.stdin.flush()
    wait_for(lambda: held(data))
    broker = Kafka(data, work)
    try:
        broker.start()
    except KafkaError:
        assert "Failed to acquire lock on file .lock" in broker.log(), broker.tail()
    else:
        raise AssertionError("Kafka started on a directory that ottla was writing to")
    finally:
        process.stdin.close()
        process.wait()
    assert process.returncode == 0, process.stderr.read().decode()
    with broker:
        assert [r.value for r in broker.read("held")] == [b"one", b"two"]
        broker.assert_content()


def held(data):
    """Whether some process holds a POSIX lock on the directory's `.lock`."""
    inode = (data / ".lock").stat().st_ino
    with open("/proc/locks", encoding="ascii") as locks:
        return any(f":{inode} " in line for line in locks)


def wait_for(condition, seconds=10):
    import time
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
