//! Our locks and those of a real Java process (`FileChannel.lock`, which Kafka
//! takes on `.lock`) exclude each other, in both directions.
//!
//! Needs `java` 11 or later on PATH to run the source file beside this one, and
//! fails without it; `tests/run` installs it. `src/host/real.rs` tests the same
//! against plain `fcntl` locks without Java.

use ottla::host::real::RealHost;
use ottla::host::{Host, Lock, LockRange, Open, Wait};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

struct Java {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Java {
    fn start(lock: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java_locks/JavaLock.java");
        let mut child = Command::new("java")
            .arg(source)
            .arg(lock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java 11 or later is on PATH (tests/run installs it)");
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut java = Self {
            child,
            commands,
            answers,
        };
        assert_eq!(java.answer(), "ready");
        java
    }

    fn send(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer()
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn java_and_we_exclude_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".lock");
    let ours = RealHost.open(&path, Open::Create).unwrap();
    let mut java = Java::start(&path);
    let try_lock = |kind| ours.lock(LockRange::WHOLE, kind, Wait::No).unwrap();

    // A live broker: neither a tool nor a server of ours gets in.
    assert_eq!(java.ask("try exclusive"), "locked");
    assert!(!try_lock(Lock::Shared));
    assert!(!try_lock(Lock::Exclusive));
    assert_eq!(java.ask("release"), "released");

    // A tool of ours writes: a broker does not start.
    assert!(try_lock(Lock::Shared));
    assert_eq!(java.ask("try exclusive"), "refused");
    assert_eq!(java.ask("try shared"), "locked");
    assert!(!try_lock(Lock::Exclusive));
    assert_eq!(java.ask("release"), "released");

    // A server of ours: nobody gets in.
    assert!(try_lock(Lock::Exclusive));
    assert_eq!(java.ask("try exclusive"), "refused");
    assert_eq!(java.ask("try shared"), "refused");

    // Java waits for us.
    assert_eq!(java.ask("wait exclusive"), "waiting");
    thread::sleep(Duration::from_millis(50));
    ours.unlock(LockRange::WHOLE).unwrap();
    assert_eq!(java.answer(), "locked");

    // We wait for Java.
    let waiter = thread::spawn({
        let path = path.clone();
        move || {
            let file = RealHost.open(&path, Open::Write).unwrap();
            assert!(
                file.lock(LockRange::WHOLE, Lock::Exclusive, Wait::Yes)
                    .unwrap()
            );
            file
        }
    });
    thread::sleep(Duration::from_millis(50));
    assert!(!waiter.is_finished());
    assert_eq!(java.ask("release"), "released");
    let held = waiter.join().unwrap();
    assert_eq!(java.ask("try shared"), "refused");
    drop(held);

    // A killed holder holds nothing.
    assert_eq!(java.ask("try exclusive"), "locked");
    drop(java);
    assert!(try_lock(Lock::Exclusive));
}
