//! The program `ottla-serve`, watched while it is attacked.

use crate::requests::frame;
use ottla::protocol::ApiKey;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one who behaves has to wait at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a directory of its own.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ottla-serve"))
            .arg(directory.path().join("data"))
            .args(["--listen", "127.0.0.1:0", "--ready-fd", "1"])
            .args(["-X", "offsets.topic.num.partitions=1"])
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

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Sends a frame on a connection of its own; whether an answer came in time.
    pub(crate) fn ask(&mut self, frame: &[u8], wait: Duration) -> bool {
        let mut stream = self.connect();
        stream.write_all(frame).unwrap();
        let answered = answer(&mut stream, wait).is_some();
        assert!(self.process.try_wait().unwrap().is_none(), "{}", self.log());
        answered
    }

    /// Creates a topic of one partition, by asking for it.
    pub(crate) fn create_topic(&mut self, name: &str) {
        let mut body = vec![0, 0, 0, 1];
        body.extend(i16::try_from(name.len()).unwrap().to_be_bytes());
        body.extend(name.bytes());
        body.push(1);
        assert!(self.ask(&frame(ApiKey::Metadata, 4, &body), PATIENCE));
    }

    /// One who asks again and again, and wants to be answered.
    pub(crate) fn friend(&self) -> Friend {
        let over = Arc::new(AtomicBool::new(false));
        let (address, seen) = (self.address, Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // All topics, which makes none.
            let ask = frame(ApiKey::Metadata, 4, &[0xff, 0xff, 0xff, 0xff, 0]);
            let mut asked = 0;
            while !seen.load(Ordering::Relaxed) {
                stream.write_all(&ask).unwrap();
                answer(&mut stream, PATIENCE).expect("one who behaves is answered");
                asked += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            asked
        });
        Friend { over, thread }
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
            assert!(began.elapsed() < 2 * PATIENCE, "it does not stop");
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

/// One who behaves.
pub(crate) struct Friend {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Friend {
    pub(crate) fn leave(self) {
        self.over.store(true, Ordering::Relaxed);
        let asked = self.thread.join().expect("one who behaves is not harmed");
        assert!(asked > 0);
    }
}

/// What comes back, without its length; `None` where nothing does in time.
pub(crate) fn answer(stream: &mut TcpStream, wait: Duration) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}
