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
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
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
    (r"127\.0\.0\.1[: ]\d+", "ADDRESS"),
    (r'"logDir":"[^"]*"', '"logDir":"…"'),
    (r'"log_dirs":\["/[^"]*"\]', '"log_dirs":["…"]'),
    (r"Cluster ID: \S+", "Cluster ID: …"),
    (r"ClusterId: +\S+", "ClusterId: …"),
    (r"Epoch: \d+", "Epoch: …"),
    (r"HighWatermark: +\d+", "HighWatermark: …"),
    (r"^\t?(at|Caused by:|\.\.\.) .*\n?", ""),  # a stack
    (r"(\.\w+Exception|[Ee]rror[^:\n]*?) ?: .*", r"\1: …"),  # what went wrong, in whose words
    (r"(Could not \w+ \S+ to \S+\.) .*", r"\1 …"),
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
    return text


def both(work, script, settings=None):
    """Runs the script against `ottla serve` and against Apache Kafka, and compares."""
    settings = settings or {}
    ours = Serve(work / "ours", work, settings)
    theirs = Kafka(work / "theirs", work / "kafka", settings).format()
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
        f"kafka-reassign-partitions --reassignment-json-file {nowhere} --execute",
        "kafka-reassign-partitions --list",
        "kafka-transactions describe-producers --topic a --partition 0",
        "kafka-acls --list",
    ]
    return [*before, *lines], [*made, *run(host, lines)]
