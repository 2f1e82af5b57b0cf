"""`ottla serve`: stock clients write to it and read from it, and the directory goes on to Apache
Kafka and back."""

import re

import agree
import kafka
import ottla
import samples
from cases.we_read_kafkas import send
from kafka import Kafka
from record import same
from serve import Serve


def fill(broker, mark, topics=samples.CODECS):
    """Records by Java and librdkafka in every codec; the names and what was written."""
    texts = samples.lines(2000, prefix=mark).splitlines()
    for codec in topics:
        broker.write([send(f"java-{codec}", f"k{i}".encode(), text.encode())
                      for i, text in enumerate(texts)], compression_type=codec)
        broker.kcat_write(f"kcat-{codec}", samples.lines(2000, prefix=mark), "-z", codec)
    broker.write([send("awkward", *each, timestamp=1700000000000 + i)
                  for i, each in enumerate(samples.AWKWARD)], compression_type="lz4")


def case_stock_clients_write_and_read(work):
    data = work / "data"
    with Serve(data, work) as server:
        fill(server, "a")
        topics = list(samples.topics_in(data))
        assert len(topics) == 11, topics
        agree.clients(server, data, topics)
        values = [value for _, _, _, _, value in server.kcat_read("kcat-zstd")]
        same("what was written", [line.encode() for line in samples.lines(2000, prefix="a").splitlines()],
             "what kcat reads", values)
        server.assert_content()
    ottla.run("inspect", "verify", data)


def case_the_directory_changes_hands(work):
    """serve → Apache Kafka → serve → Apache Kafka, with and without a clean stop."""
    data = work / "data"
    server, broker = Serve(data, work), Kafka(data, work)
    written = []
    for turn, host in enumerate((server, broker, server, broker, server)):
        with host:
            texts = samples.lines(500, seed=turn, prefix=f"{turn}-")
            host.kcat_write("log", texts, "-X", "enable.idempotence=true", "-z", "lz4")
            written += [line.encode() for line in texts.splitlines()]
            values = [value for _, _, _, _, value in host.kcat_read("log")]
            same(f"written up to turn {turn}", written, "read", values)
            if turn == 2:
                host.kill()
                # What was acknowledged is in the files, and stays there.
                host.start()
        host.assert_content()
    ottla.run("inspect", "verify", data)


def case_offsets_are_found_by_time(work):
    data = work / "data"
    with Serve(data, work) as server:
        server.write([send("times", None, b"%d" % i, timestamp=1700000000000 + i * 1000)
                      for i in range(100)])
        for stamp, expected in ((1700000000000, 0), (1700000000001, 1), (1700000050000, 50)):
            out = kafka.kcat("-Q", "-b", server.bootstrap, "-t", f"times:0:{stamp}").decode()
            assert out.split()[-1] == str(expected), (stamp, out)
        shell = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", server.bootstrap,
                           "--topic", "times", "--time", "-3").decode()
        assert shell.strip() == "times:0:99", shell


def case_a_second_server_is_refused(work):
    data = work / "data"
    with Serve(data, work):
        found = ottla.run("serve", data, "--listen", "127.0.0.1:0", expect=ottla.LOCKED)
        assert b"locked" in found.stderr, found.stderr
        assert ottla.run("topics", data, "--output", "json").returncode == 0
    with Kafka(data, work) as broker:
        found = ottla.run("serve", data, "--listen", "127.0.0.1:0", expect=ottla.LOCKED)
        broker.assert_content()


def case_kafkas_topic_tools_print_what_they_print_against_kafka(work):
    """`kafka-topics` and `kafka-configs`, the same script against both."""
    ours, theirs = Serve(work / "ours", work), Kafka(work / "theirs", work / "kafka").format()
    with ours, theirs:
        printed = [topic_script(host) for host in (ours, theirs)]
        for one, other in zip(*printed, strict=True):
            same("ottla serve", one, "Apache Kafka", other)
        ours.assert_content()


def topic_script(host):
    """What the tools print, but for what is another's: times and topic ids."""
    def tool(name, *args):
        out = kafka.java(f"org.apache.kafka.tools.{name}", "--bootstrap-server", host.bootstrap, *args,
                         check=False).decode()
        out = re.sub(r"TopicId: \S+", "TopicId: …", re.sub(r"^[\d:.]+ ", "", out, flags=re.M))
        out = re.sub(r"(\.\w+Exception|Error while executing.*?) ?: .*", r"\1", out)  # what went wrong, in whose words
        return sorted(line.rstrip() for line in out.splitlines())
    topics = lambda *args: tool("TopicCommand", *args)  # noqa: E731
    return [
        topics("--create", "--topic", "a", "--partitions", "3", "--config", "retention.ms=1000"),
        topics("--create", "--topic", "a"),
        topics("--create", "--topic", "a", "--if-not-exists"),
        topics("--create", "--topic", "b", "--config", "cleanup.policy=compact", "--config", "retention.ms=-1"),
        topics("--create", "--topic", "c", "--replication-factor", "3", "--config", "retention.ms=-1"),
        topics("--list"),
        topics("--describe"),
        topics("--describe", "--topic", "nothing"),
        topics("--alter", "--topic", "a", "--partitions", "5"),
        topics("--alter", "--topic", "a", "--partitions", "2"),
        topics("--describe", "--topic", "a"),
        topics("--delete", "--topic", "b"),
        topics("--list"),
    ]
