"""`ottla serve` looked after with Kafka's own tools: each command line runs against Apache Kafka
and against `ottla serve`, and they print the same."""

import difflib
import re

import kafka
from kafka import Kafka
from serve import Serve

# The tools of `bin/`, by their names there.
TOOLS = {
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
}

# What is another's, or another time's: ids, addresses, directories, times.
OTHERS = [
    (r"^[\d:.]+ (ERROR|WARN|INFO)", r"\1"),
    (r"TopicId: \S+", "TopicId: …"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"(?<=\s)[\w-]{22}(?=\s+/127)", "MEMBER-ID"),
    (r"127\.0\.0\.1[: ]\d+", "ADDRESS"),
    (r'"logDir":"[^"]*"', '"logDir":"…"'),
    (r'"log_dirs":\["/[^"]*"\]', '"log_dirs":["…"]'),
    (r"Cluster ID: \S+", "Cluster ID: …"),
    (r"ClusterId: +\S+", "ClusterId: …"),
    (r"^  (advertised\.)?listeners=.*\n?", ""),
    (r"^  ottla\..*\n?", ""),
    (r"Epoch: \d+", "Epoch: …"),
    (r"HighWatermark: +\d+", "HighWatermark: …"),
    (r"^\t?(at|Caused by:|\.\.\.) .*\n?", ""),  # a stack
    (r"(\.\w+Exception|[Ee]rror[^:\n]*?) ?: .*", r"\1: …"),  # what went wrong, in whose words
    (r"(Could not \w+ \S+ to \S+\.) .*", r"\1 …"),
    (r"log\.dirs=\S+", "log.dirs=…"),
    (r" +$", ""),
]


def run(host, lines):
    """What each command line prints, its lines sorted, and how it ends; all in one JVM."""
    commands = []
    for line in lines:
        name, *args = line.split(" ")
        commands.append("\t".join([TOOLS[name], *place(name, args, host)]))
    out = kafka.java("Tools", stdin=("\n".join(commands) + "\n").encode()).decode()
    return ["".join(sorted((normal(printed) + "\n").splitlines(True))) + end for printed, end in re.findall(r"(.*?)\0(.*?)\n", out, re.S)]


def place(name, args, host):
    """The arguments with the server's address in them."""
    server = ["--bootstrap-server", host.bootstrap]
    return [*args[:1], *server, *args[1:]] if name == "kafka-cluster" else [*server, *args]


def normal(text):
    for pattern, instead in OTHERS:
        text = re.sub(pattern, instead, text, flags=re.M)
    # Kafka lists them in the order of a hash table.
    return re.sub(r"Configs: (\S+)", lambda found: "Configs: " + ",".join(sorted(found[1].split(","))), text)


def both(work, script, settings=None):
    """Runs the script against `ottla serve` and against Apache Kafka, and compares."""
    settings = settings or {}
    theirs = Kafka(work / "theirs", work / "kafka", settings).format()
    # The same properties, but for those of addresses and directories.
    lines = (theirs.work / "server.properties").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines)
    own = ("listeners", "advertised.listeners", "log.dirs", "node.id", "process.roles")
    ours = Serve(work / "ours", work, {name: value for name, value in given.items() if name not in own})
    with ours, theirs:
        printed = [script(host) for host in (ours, theirs)]
        ours.assert_content()
    (lines, ours), (_, theirs) = printed
    differences = [f"$ {line}\n{''.join(difflib.unified_diff(other.splitlines(1), one.splitlines(1), 'Apache Kafka', 'ottla serve'))}"
                   for line, one, other in zip(lines, ours, theirs, strict=True) if one != other]
    assert not differences, "\n" + "\n".join(differences)


def case_kafkas_admin_tools_print_what_they_print_against_kafka(work):
    both(work, admin)


def admin(host):
    """Records, directories, features, the quorum, elections, reassignments."""
    deletions = host.work / "delete.json"
    deletions.write_text('{"version":1,"partitions":[{"topic":"a","partition":0,"offset":3},'
                         '{"topic":"a","partition":1,"offset":9}]}')
    all_of_them = host.work / "all.json"
    all_of_them.write_text('{"version":1,"partitions":[{"topic":"a","partition":0,"offset":-1}]}')
    move = host.work / "move.json"
    move.write_text('{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[1]}]}')
    nowhere = host.work / "nowhere.json"
    nowhere.write_text('{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[7]}]}')
    before = ["kafka-topics --create --topic a --partitions 2", "kafka-topics --create --topic b"]
    made = run(host, before)
    host.kcat_write("a", "".join(f"{i}\n" for i in range(5)), "-p", "0")
    lines = [
        "kafka-get-offsets --topic a",
        f"kafka-delete-records --offset-json-file {deletions}",
        "kafka-get-offsets --topic a --time earliest",
        f"kafka-delete-records --offset-json-file {all_of_them}",
        "kafka-get-offsets --topic a --time -2",
        "kafka-log-dirs --describe --topic-list b",
        "kafka-features describe",
        "kafka-features upgrade --feature group.version=0",
        "kafka-features downgrade --feature group.version=0",
        "kafka-features describe",
        "kafka-features upgrade --feature group.version=1 --dry-run",
        "kafka-features upgrade --feature group.version=1",
        "kafka-features downgrade --feature metadata.version=20",
        "kafka-features upgrade --feature metadata.version=99",
        "kafka-features upgrade --feature nothing.version=1",
        "kafka-metadata-quorum describe --status",
        "kafka-cluster cluster-id",
        "kafka-cluster list-endpoints",
        "kafka-cluster unregister --id 7",
        "kafka-leader-election --election-type preferred --all-topic-partitions",
        "kafka-leader-election --election-type unclean --topic a --partition 0",
        "kafka-leader-election --election-type preferred --topic none --partition 0",
        f"kafka-reassign-partitions --reassignment-json-file {move} --execute",
        f"kafka-reassign-partitions --reassignment-json-file {move} --verify",
        f"kafka-reassign-partitions --reassignment-json-file {nowhere} --execute",
        f"kafka-reassign-partitions --reassignment-json-file {move} --cancel",
        "kafka-reassign-partitions --list",
        "kafka-transactions describe-producers --topic a --partition 0",
        "kafka-acls --list",
        "kafka-topics --describe",
    ]
    return [*before, *lines], [*made, *run(host, lines)]


def case_kafkas_configs_tool_prints_what_it_prints_against_kafka(work):
    both(work, configs, {
        "log.retention.hours": 5, "log.segment.bytes": 2000000, "log.cleanup.policy": "delete",
        "message.max.bytes": 500000, "num.partitions": 3, "compression.type": "lz4",
        "log.message.timestamp.type": "LogAppendTime", "min.insync.replicas": 1,
    })


def configs(host):
    """Topics, brokers, groups, client metrics, users: at every level, right and wrong."""
    topic, broker, group = "--entity-type topics", "--entity-type brokers", "--entity-type groups"
    metrics = "--entity-type client-metrics"
    default = f"{broker} --entity-default"
    broker = f"{broker} --entity-name 1"
    lines = [
        "kafka-topics --create --topic a --config retention.ms=1000",
        "kafka-topics --describe",
        f"kafka-configs --describe --all {topic} --entity-name a",
        f"kafka-configs --describe {topic} --entity-name a",
        f"kafka-configs --describe {topic} --entity-name none",
        f"kafka-configs --alter {topic} --entity-name a --add-config segment.bytes=3000000,flush.ms=7",
        f"kafka-configs --alter {topic} --entity-name a --add-config cleanup.policy=[compact,delete]",
        f"kafka-configs --alter {topic} --entity-name a --add-config segment.bytes=large",
        f"kafka-configs --alter {topic} --entity-name a --add-config nothing=1",
        f"kafka-configs --alter {topic} --entity-name none --add-config flush.ms=7",
        f"kafka-configs --alter {topic} --entity-name a --delete-config flush.ms",
        f"kafka-configs --alter {topic} --entity-name a --delete-config preallocate",
        f"kafka-configs --describe {topic} --entity-name a",
        f"kafka-configs --alter {default} --add-config log.retention.ms=7000",
        f"kafka-configs --alter {broker} --add-config log.index.interval.bytes=8192",
        f"kafka-configs --alter {broker} --add-config num.partitions=4",
        f"kafka-configs --alter {broker} --add-config log.retention.ms=soon",
        f"kafka-configs --alter {broker} --add-config log.segment.bytes=1",
        f"kafka-configs --alter {broker} --add-config min.insync.replicas=1",
        f"kafka-configs --alter {default} --add-config ssl.keystore.location=x",
        f"kafka-configs --alter {default} --add-config leader.replication.throttled.rate=100",
        f"kafka-configs --describe {default}",
        f"kafka-configs --describe {broker}",
        "kafka-topics --create --topic b",
        f"kafka-configs --describe --all {topic} --entity-name b",
        f"kafka-configs --alter {default} --delete-config log.retention.ms,leader.replication.throttled.rate",
        f"kafka-configs --alter {broker} --delete-config log.index.interval.bytes",
        f"kafka-configs --describe {broker}",
        f"kafka-configs --alter {group} --entity-name g --add-config consumer.session.timeout.ms=50000",
        f"kafka-configs --alter {group} --entity-name g --add-config consumer.session.timeout.ms=1",
        f"kafka-configs --alter {group} --entity-name g --add-config nothing=1",
        f"kafka-configs --describe --all {group} --entity-name g",
        f"kafka-configs --alter {metrics} --entity-name m --add-config interval.ms=1000,metrics=[org.apache,kafka]",
        f"kafka-configs --alter {metrics} --entity-name m --add-config interval.ms=1",
        f"kafka-configs --alter {metrics} --entity-name m --add-config match=[client_id=x.*]",
        f"kafka-configs --describe {metrics} --entity-name m",
        "kafka-client-metrics --list",
        "kafka-client-metrics --describe",
        "kafka-client-metrics --delete --name m",
        "kafka-client-metrics --list",
        "kafka-configs --alter --entity-type users --entity-name u --add-config producer_byte_rate=1024",
        "kafka-configs --alter --entity-type users --entity-name u --add-config producer_byte_rate=-1",
        "kafka-configs --alter --entity-type users --entity-name u --entity-type clients --entity-default "
        "--add-config request_percentage=50.5",
        "kafka-configs --alter --entity-type ips --entity-name 10.0.0.1 --add-config connection_creation_rate=5",
        "kafka-configs --describe --entity-type users",
        "kafka-configs --describe --entity-type users --entity-type clients",
        "kafka-configs --describe --entity-type ips --entity-name 10.0.0.1",
        "kafka-configs --alter --entity-type users --entity-name u --add-config SCRAM-SHA-256=[iterations=4096,password=p]",
        "kafka-configs --describe --entity-type users --entity-name u",
        "kafka-configs --alter --entity-type users --entity-name u --delete-config SCRAM-SHA-256",
        "kafka-configs --describe --entity-type users --entity-name u",
        f"kafka-configs --describe --all {broker}",
    ]
    return lines, run(host, lines)
