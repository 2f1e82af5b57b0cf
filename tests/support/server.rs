//! The program `ottla-serve` on a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to stop.
const LONGEST_STOP: Duration = Duration::from_secs(20);

/// A server that is killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts it with `-X` for each of the settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ottla-serve"))
            .arg(directory.path().join("data"))
            .args(["--listen", "127.0.0.1:0", "--ready-fd", "1"])
            .args(settings.iter().flat_map(|setting| ["-X", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse().unwrap();
        Self {
            process,
            address,
            directory,
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// It has not ended.
    pub(crate) fn assert_runs(&mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "{}", self.log());
    }

    /// Ends it, as a service manager does; it must not have panicked, nor grown.
    pub(crate) fn stop(mut self, most_memory: u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
        let killed = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let began = Instant::now();
        let ended = loop {
            if let Some(ended) = self.process.try_wait().unwrap() {
                break ended;
            }
            assert!(began.elapsed() < LONGEST_STOP, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(ended.success(), "it ended with {ended}:\n{log}");
        println!(
            "at most {} MiB, stopped in {:?}",
            peak >> 10,
            began.elapsed()
        );
        assert!(peak << 10 < most_memory, "it had {peak} KiB");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
