"""Groups looked after with Kafka's own tools: each command line runs against Apache Kafka and
against `ottla serve`, and they print the same."""

import re
import subprocess
import time

import kafka
from cases.admin import both, run


def case_kafkas_group_tools_print_what_they_print_against_kafka(work):
    both(work, groups, {"group.consumer.heartbeat.interval.ms": 500, "group.consumer.min.heartbeat.interval.ms": 500})


def groups(host):
    """With members of both protocols, then without."""
    tool = "kafka-consumer-groups"
    before = ["kafka-topics --create --topic a --partitions 2", "kafka-topics --create --topic b"]
    made = run(host, before)
    for partition in range(2):
        host.kcat_write("a", "".join(f"{i}\n" for i in range(5 + partition)), "-p", str(partition))
    host.kcat_write("b", "1\n2\n3\n")
    members = [Member(host, "classic", "old", "a", "classic"), Member(host, "classic", "older", "a", "classic"),
               Member(host, "consumer", "new", "a", "consumer"), Member(host, "consumer", "newer", "b", "consumer")]
    settle(host, tool)
    live = [
        f"{tool} --list", f"{tool} --list --state", f"{tool} --list --type", f"{tool} --list --type consumer",
        f"{tool} --list --state stable", f"{tool} --list --state dead", "kafka-groups --list",
        "kafka-groups --list --group-type classic", "kafka-groups --list --consumer",
        *(f"{tool} --describe --group {group}{how}" for group in ("classic", "consumer", "none")
          for how in ("", " --members", " --members --verbose", " --state", " --state --verbose", " --offsets --verbose")),
        f"{tool} --describe --all-groups --state",
        f"{tool} --delete --group classic", f"{tool} --delete --group consumer", f"{tool} --delete --group none",
        f"{tool} --reset-offsets --group classic --topic a --to-earliest --execute",
        f"{tool} --reset-offsets --group consumer --topic a --to-earliest --execute",
        f"{tool} --delete-offsets --group classic --topic a", f"{tool} --delete-offsets --group consumer --topic b",
        f"{tool} --delete-offsets --group consumer --topic none", f"{tool} --delete-offsets --group none --topic a",
        "kafka-configs --describe --entity-type groups --entity-name consumer",
        "kafka-configs --describe --entity-type groups",
    ]
    printed = run(host, live)
    for member in members:
        member.stop()
    plan = host.work / "plan.csv"
    plan.write_text("a,0,1\na,1,4\n")
    after = [
        f"{tool} --list --state", f"{tool} --describe --group classic", f"{tool} --describe --group consumer",
        f"{tool} --describe --group consumer --state", f"{tool} --describe --group classic --members",
        *(f"{tool} --reset-offsets --group {group} --topic {what}"
          for group in ("classic", "consumer", "fresh")
          for what in ("a --to-earliest --dry-run", "a:1 --to-offset 3 --execute", "a --shift-by -2 --execute",
                       "a --to-latest --execute", "a --to-offset 99 --execute", "a --to-datetime 2020-01-01T00:00:00.000 --execute",
                       "a --by-duration PT0H --dry-run", "none --to-earliest --execute", "a:7 --to-earliest --execute",
                       f"a --from-file {plan} --execute", "a --to-current --execute --export")),
        f"{tool} --reset-offsets --group classic --all-topics --to-latest --execute",
        f"{tool} --describe --all-groups", f"{tool} --describe --group fresh --offsets",
        f"{tool} --delete-offsets --group classic --topic a:1", f"{tool} --delete-offsets --group consumer --topic b",
        f"{tool} --describe --all-groups",
        "kafka-topics --delete --topic b", f"{tool} --describe --all-groups",
        f"{tool} --delete --group classic --group none", f"{tool} --delete --all-groups", f"{tool} --list",
        "kafka-groups --list",
    ]
    return [*before, *live, *after], [*made, *printed, *run(host, after)]


def settle(host, tool):
    """Waits until both groups are stable with two members each, which have their partitions and have
    committed what there is. The first member alone may have done so before the second came."""
    deadline = time.monotonic() + 60
    lines = [f"{tool} --describe --group {group}{how}" for how in ("", " --state") for group in ("classic", "consumer")]
    while True:
        printed = run(host, lines)
        owned = [set(re.findall(r" (\d+) +0 +(?:older-|old-|MEMBER)", each)) for each in printed[:2]]
        stable = all(re.search(r" Stable +2\b", each) for each in printed[2:])
        if stable and owned == [{"5", "6"}, {"3", "5", "6"}]:
            return
        assert time.monotonic() < deadline, printed


class Member:
    """A console consumer with a group of its own."""

    def __init__(self, host, group, name, topic, protocol):
        log = host.work / f"member-{name}.log"
        options = {"client.id": name, "group.protocol": protocol, "auto.commit.interval.ms": 100,
                   "auto.offset.reset": "earliest"}
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["java", *kafka.TOOL_JVM, f"-Dlog4j2.configurationFile={kafka.HERE}/log4j2.properties",
                 "-cp", kafka.classpath(), "org.apache.kafka.tools.consumer.ConsoleConsumer",
                 "--bootstrap-server", host.bootstrap, "--topic", topic, "--group", group,
                 *(part for name, value in options.items() for part in ("--command-property", f"{name}={value}"))],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        kafka.STARTED.append(self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
