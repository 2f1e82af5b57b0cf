"""What `ottla serve` does by itself: old segments go, checkpoints are written, metrics are served."""

import time
import urllib.error
import urllib.request

import kafka
import samples
from cases.we_read_kafkas import send
from kafka import Kafka
from record import same
from serve import Serve

QUICK = {"log.initial.task.delay.ms": 0, "log.retention.check.interval.ms": 100,
         "log.flush.offset.checkpoint.interval.ms": 100,
         "replica.high.watermark.checkpoint.interval.ms": 100, "log.segment.bytes": 1 << 20}


def offsets(host, topic, when):
    out = kafka.java("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", host.bootstrap,
                     "--topic", topic, "--time", str(when)).decode()
    return int(out.strip().split(":")[2])


def until(what, condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def megabytes(host, topic, number):
    """So many megabytes in batches of their own, which nothing compresses."""
    for i in range(number * 8):
        host.kcat_write(topic, samples.noise(128 << 10, seed=i) + "\n", "-z", "none")


def case_old_segments_go_and_kafka_goes_on(work):
    data = work / "data"
    with Serve(data, work, QUICK) as server:
        tool = ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", server.bootstrap, "--create"]
        kafka.java(*tool, "--topic", "large", "--config", "retention.bytes=2500000",
                   "--config", "file.delete.delay.ms=200")
        kafka.java(*tool, "--topic", "old", "--config", "retention.ms=3600000")
        kafka.java(*tool, "--topic", "kept", "--config", "retention.ms=-1")
        megabytes(server, "large", 6)
        logs = lambda pattern: list((data / "large-0").glob(pattern))  # noqa: E731
        until("segments go", lambda: 0 < len(logs("*.log")) <= 4)
        until("their files go", lambda: not logs("*.deleted"))
        size = sum(log.stat().st_size for log in logs("*.log"))
        assert 2500000 <= size < 2500000 + (2 << 20), size
        for topic in ("old", "kept"):
            server.write([send(topic, None, b"%d" % i, timestamp=1700000000000 + i) for i in range(5)])
        until("what is too old goes", lambda: offsets(server, "old", -2) == 5)
        assert offsets(server, "kept", -2) == 0
        # What is altered takes effect, whether it is set for the topic or for all brokers.
        alter = ["kafka.admin.ConfigCommand", "--bootstrap-server", server.bootstrap, "--alter"]
        kafka.java(*alter, "--entity-type", "topics", "--entity-name", "kept", "--delete-config", "retention.ms")
        kafka.java(*alter, "--entity-type", "brokers", "--entity-default", "--add-config", "log.retention.ms=60000")
        until("what is too old now goes", lambda: offsets(server, "kept", -2) == 5)
        first, last = offsets(server, "large", -2), offsets(server, "large", -1)
        assert 0 < first < last == 48, (first, last)
        same("from the first on", list(range(first, last)),
             "what kcat reads", [offset for _, offset, *_ in server.kcat_read("large")])
        noted = lambda name: (data / f"{name}-checkpoint").read_text().splitlines()  # noqa: E731
        until("the high watermark is noted", lambda: "large 0 48" in noted("replication-offset"))
        until("the recovery point is noted", lambda: any(
            line.startswith("large 0 ") and int(line.split()[2]) > 0 for line in noted("recovery-point-offset")))
        server.kcat_write("old", "new\n")
        server.kill()
        server.start()
        assert offsets(server, "old", -2) == 5 and offsets(server, "large", -2) == first
        server.assert_content()
    with Kafka(data, work) as broker:
        assert offsets(broker, "old", -2) == 5 and offsets(broker, "large", -2) == first
        same("the rest", [b"new"], "what kcat reads", [value for *_, value in broker.kcat_read("old")])
        broker.assert_content()


def case_metrics_and_health(work):
    settings = {"ottla.metrics.listener": f"127.0.0.1:{kafka.free_port()}",
                "ottla.flush.before.acknowledge": "true"}
    with Serve(work / "data", work, settings) as server:
        def get(path):
            with urllib.request.urlopen(f"http://{settings['ottla.metrics.listener']}{path}", timeout=5) as answer:
                return answer.read().decode()
        assert get("/health") == "ok\n" and get("/ready") == "ready\n"
        server.kcat_write("t", "".join(f"{i}\n" for i in range(10)))
        server.kcat_read("t")
        found = dict(line.rsplit(" ", 1) for line in get("/metrics").splitlines() if not line.startswith("#"))
        for name, value in {'kafka_server_brokertopicmetrics_messagesin_total{topic="t"}': "10",
                            "kafka_server_brokertopicmetrics_messagesin_total": "10",
                            'kafka_log_log_logendoffset{topic="t",partition="0"}': "10",
                            "kafka_server_replicamanager_leadercount": "1",
                            "kafka_controller_kafkacontroller_activecontrollercount": "1"}.items():
            assert found[name] == value, (name, found.get(name))
        assert int(found['kafka_network_requestmetrics_requests_total{request="Produce"}']) >= 1
        moved = found['kafka_server_brokertopicmetrics_bytesin_total{topic="t"}']
        assert moved == found['kafka_log_log_size{topic="t",partition="0"}'], found
        assert int(found['kafka_server_brokertopicmetrics_bytesout_total{topic="t"}']) >= int(moved), found
        try:
            get("/nothing")
        except urllib.error.HTTPError as error:
            assert error.code == 404
        else:
            raise AssertionError("/nothing was found")
        server.assert_content()
