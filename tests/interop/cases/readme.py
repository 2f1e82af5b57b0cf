"""The shell lines of README.md work as pasted, from top to bottom in one directory."""

import os
import re
import subprocess

import ottla
from kafka import Kafka

README = ottla.REPO / "README.md"


def case_ten_lines(work):
    """Every block marked `sh` runs; a block marked `text` right after it is what it prints."""
    blocks = re.findall(r"^```(sh|text)\n(.*?)^```", README.read_text(), re.M | re.S)
    assert blocks and blocks[0][0] == "sh", "README.md opens with shell lines"
    environment = {**os.environ, "PATH": f"{ottla.BIN}:{os.environ['PATH']}", "HOME": str(work)}
    for at, (kind, text) in enumerate(blocks):
        if kind != "sh":
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=work, env=environment,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{text}\nended {done.returncode}: {done.stderr}"
        if at + 1 < len(blocks) and blocks[at + 1][0] == "text":
            assert done.stdout == blocks[at + 1][1], f"{text}\nprinted:\n{done.stdout}"


def case_kafka_on_the_directory(work):
    """The `server.properties` of the README, on ports that are free here."""
    snippet = re.search(r"^```properties\n(.*?)^```", README.read_text(), re.M | re.S)[1]
    settings = dict(line.split("=", 1) for line in snippet.splitlines() if line and line[0] != "#")
    ottla.produce(work / "data", "greetings", "hello\n")
    broker = Kafka(work / "data", work)
    ours = dict(line.split("=", 1) for line in broker.configure().read_text().splitlines())
    for name in ("process.roles", "node.id", "controller.listener.names"):
        assert settings[name] == ours[name], name
    assert set(settings) <= set(ours), set(settings) - set(ours)
    broker.settings = {name: value for name, value in settings.items() if name.startswith("offsets.")}
    with broker:
        assert [r.value for r in broker.read("greetings")] == [b"hello"]
        broker.assert_content()
