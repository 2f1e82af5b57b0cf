"""Runs `ottla serve`, with the same clients as Apache Kafka."""

import os
import signal
import subprocess
import time

import kafka
import ottla


class Serve(kafka.Kafka):
    """`ottla serve` on a data directory. What clients do is `Kafka`'s."""

    def configure(self):
        self.work.mkdir(parents=True, exist_ok=True)
        return [option for name, value in self.settings.items() for option in ("-X", f"{name}={value}")]

    def start(self, timeout=10):
        """Starts it and waits until it says that it is ready."""
        options = self.configure()
        self.runs += 1
        self.log_file = self.work / f"serve-{self.runs}.log"
        said, says = os.pipe()
        with open(self.log_file, "wb") as out:
            self.process = subprocess.Popen(
                [ottla.BIN / "ottla-serve", self.data, "--listen", f"127.0.0.1:{self.fixed_port or 0}", "--ready-fd", str(says),
                 *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, pass_fds=[says])
        os.close(says)
        kafka.STARTED.append(self.process)
        with open(said) as lines:
            self.bootstrap = lines.readline().strip()
        if not self.bootstrap:
            time.sleep(0.1)
            raise kafka.KafkaError(f"ottla serve ended {self.process.poll()} at start:\n{self.tail()}")
        return self

    def format(self):
        """The server makes its directory itself."""
        return self

    def stop(self, timeout=180):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        assert code == 0, f"ottla serve ended {code}:\n{self.tail()}"

    def complaints(self):
        return [line for line in self.log().splitlines() if " WARN " in line or " ERROR " in line]
